-- Every entry of the journal, with the account's running balance.
CREATE OR REPLACE VIEW {finance}.account_statement WITH (security_barrier = true) AS
SELECT j.tenant,
       e.account,
       e.currency,
       DATE '1970-01-01' + j.effective::integer AS day,
       j.number,
       e.line,
       TIMESTAMPTZ '1970-01-01 00:00:00+00' + j.recorded * INTERVAL '1 microsecond' AS recorded_at,
       j.part,
       e.status,
       CASE WHEN e.side = 'D' THEN e.minor ELSE 0 END * c.unit AS debit,
       CASE WHEN e.side = 'C' THEN e.minor ELSE 0 END * c.unit AS credit,
       sum(CASE WHEN e.status <> 'posted' THEN 0 WHEN e.side = 'D' THEN e.minor ELSE -e.minor END)
           OVER (PARTITION BY j.tenant, e.account, e.currency ORDER BY j.effective, j.number, e.line
                 ROWS UNBOUNDED PRECEDING) * c.unit AS running_balance
FROM {books}.journal AS j
CROSS JOIN LATERAL (
    SELECT (one.entry ->> 0) COLLATE "C" AS account,
           one.entry ->> 1 AS side,
           (one.entry ->> 2)::numeric AS minor,
           (one.entry ->> 3) COLLATE "C" AS currency,
           (one.entry ->> 4) COLLATE "C" AS status,
           one.line
    FROM jsonb_array_elements(j.entries::jsonb) WITH ORDINALITY AS one (entry, line)
) AS e
JOIN {finance}.finance_currency AS c ON c.code = e.currency
WHERE j.tenant IN {readable};

COMMENT ON VIEW {finance}.account_statement IS 'Every entry of the journal, with the running balance of its account. Order by day, number, line.';
COMMENT ON COLUMN {finance}.account_statement.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.account_statement.account IS 'Path in the chart of accounts.';
COMMENT ON COLUMN {finance}.account_statement.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN {finance}.account_statement.day IS 'Business day on which the entry counts, in the merchant''s time zone.';
COMMENT ON COLUMN {finance}.account_statement.number IS 'The transaction''s number: gapless for each merchant, from 1.';
COMMENT ON COLUMN {finance}.account_statement.line IS 'The entry''s place in the transaction, from 1.';
COMMENT ON COLUMN {finance}.account_statement.recorded_at IS 'When the cause of the transaction was recorded.';
COMMENT ON COLUMN {finance}.account_statement.part IS 'What it was posted for: order/ID, parcel/COURIER/TRACKING or payout/COURIER/RECEIPT; totals/… where totals stand for detail whose time was over.';
COMMENT ON COLUMN {finance}.account_statement.status IS 'posted, or pending for a promise, which no balance but a pending one counts.';
COMMENT ON COLUMN {finance}.account_statement.debit IS 'Amount of a debit, else 0. Unit: currency.';
COMMENT ON COLUMN {finance}.account_statement.credit IS 'Amount of a credit, else 0. Unit: currency.';
COMMENT ON COLUMN {finance}.account_statement.running_balance IS 'Posted debits less posted credits of the account up to and with this entry. Unit: currency.';
