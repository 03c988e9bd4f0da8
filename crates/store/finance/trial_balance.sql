-- Every account's sums over all days. Debits equal credits in each currency.
CREATE OR REPLACE VIEW {finance}.trial_balance WITH (security_barrier = true) AS
SELECT t.tenant,
       t.account,
       split_part(t.account, ':', 1) COLLATE "C" AS account_class,
       t.currency,
       t.debits * c.unit AS debits,
       t.credits * c.unit AS credits,
       greatest(t.debits - t.credits, 0) * c.unit AS debit_balance,
       greatest(t.credits - t.debits, 0) * c.unit AS credit_balance,
       t.pending * c.unit AS pending_balance
FROM (
    SELECT b.tenant,
           b.account,
           b.currency,
           sum(b.debits) AS debits,
           sum(b.credits) AS credits,
           sum(b.pending_debits) - sum(b.pending_credits) AS pending
    FROM {books}.balance AS b
    WHERE b.tenant IN {readable}
    GROUP BY b.tenant, b.account, b.currency
) AS t
JOIN {finance}.finance_currency AS c ON c.code = t.currency;

COMMENT ON VIEW {finance}.trial_balance IS 'Every account''s sums over all days. In each currency the debit balances add up to the credit balances.';
COMMENT ON COLUMN {finance}.trial_balance.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.trial_balance.account IS 'Path in the chart of accounts.';
COMMENT ON COLUMN {finance}.trial_balance.account_class IS 'First segment of the path: assets, liabilities, equity, income or expenses.';
COMMENT ON COLUMN {finance}.trial_balance.currency IS 'ISO 4217 code; an account with several has a row for each.';
COMMENT ON COLUMN {finance}.trial_balance.debits IS 'Sum of all posted debits. Unit: currency.';
COMMENT ON COLUMN {finance}.trial_balance.credits IS 'Sum of all posted credits. Unit: currency.';
COMMENT ON COLUMN {finance}.trial_balance.debit_balance IS 'Debits less credits if that is positive, else 0. Unit: currency.';
COMMENT ON COLUMN {finance}.trial_balance.credit_balance IS 'Credits less debits if that is positive, else 0. Unit: currency.';
COMMENT ON COLUMN {finance}.trial_balance.pending_balance IS 'Promised debits less promised credits, of promises neither kept nor withdrawn. Unit: currency.';
