-- What each account moved by on each day, and where it stood at the day's end.
CREATE OR REPLACE VIEW {finance}.balance_by_day WITH (security_barrier = true) AS
SELECT b.tenant,
       b.account,
       b.currency,
       DATE '1970-01-01' + b.day::integer AS day,
       sum(b.debits) * c.unit AS debits,
       sum(b.credits) * c.unit AS credits,
       (sum(b.debits) - sum(b.credits)) * c.unit AS movement,
       sum(sum(b.debits) - sum(b.credits)) OVER (PARTITION BY b.tenant, b.account, b.currency ORDER BY b.day) * c.unit
           AS closing_balance,
       (sum(b.pending_debits) - sum(b.pending_credits)) * c.unit AS pending_movement
FROM {books}.balance AS b
JOIN {finance}.finance_currency AS c ON c.code = b.currency
WHERE b.tenant IN {readable}
GROUP BY b.tenant, b.account, b.currency, b.day, c.unit;

COMMENT ON VIEW {finance}.balance_by_day IS 'What each account moved by on each day, and where it stood at the day''s end. One row for each account, currency and day with entries.';
COMMENT ON COLUMN {finance}.balance_by_day.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.balance_by_day.account IS 'Path in the chart of accounts.';
COMMENT ON COLUMN {finance}.balance_by_day.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN {finance}.balance_by_day.day IS 'Business day on which the entries count, in the merchant''s time zone.';
COMMENT ON COLUMN {finance}.balance_by_day.debits IS 'Posted debits of the day. Unit: currency.';
COMMENT ON COLUMN {finance}.balance_by_day.credits IS 'Posted credits of the day. Unit: currency.';
COMMENT ON COLUMN {finance}.balance_by_day.movement IS 'Debits less credits of the day. Unit: currency.';
COMMENT ON COLUMN {finance}.balance_by_day.closing_balance IS 'Debits less credits of all days up to this one. Unit: currency.';
COMMENT ON COLUMN {finance}.balance_by_day.pending_movement IS 'Promised debits less promised credits of the day; promises kept or withdrawn count against. Unit: currency.';
