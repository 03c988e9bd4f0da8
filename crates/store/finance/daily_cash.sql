-- What came into and went out of bank, cash box and remittance clearing, by day. Stands on balance_by_day, and so behind its filter.
CREATE OR REPLACE VIEW {finance}.daily_cash WITH (security_barrier = true) AS
SELECT b.tenant,
       b.day,
       split_part(b.account, ':', 2) COLLATE "C" AS place,
       b.account,
       b.currency,
       b.debits AS money_in,
       b.credits AS money_out,
       b.movement AS net,
       b.closing_balance
FROM {finance}.balance_by_day AS b
WHERE split_part(b.account, ':', 1) = 'assets'
  AND split_part(b.account, ':', 2) IN ('bank', 'cash', 'remittance-clearing')
  AND (b.debits <> 0 OR b.credits <> 0);

COMMENT ON VIEW {finance}.daily_cash IS 'What came into and went out of bank, cash box and remittance clearing, by day.';
COMMENT ON COLUMN {finance}.daily_cash.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.daily_cash.day IS 'Business day, in the merchant''s time zone.';
COMMENT ON COLUMN {finance}.daily_cash.place IS 'bank, cash, or remittance-clearing: paid out by couriers and not yet in the bank.';
COMMENT ON COLUMN {finance}.daily_cash.account IS 'Path in the chart of accounts: assets:PLACE, or one below it.';
COMMENT ON COLUMN {finance}.daily_cash.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN {finance}.daily_cash.money_in IS 'What came in on the day. Unit: currency.';
COMMENT ON COLUMN {finance}.daily_cash.money_out IS 'What went out on the day. Unit: currency.';
COMMENT ON COLUMN {finance}.daily_cash.net IS 'In less out. Unit: currency.';
COMMENT ON COLUMN {finance}.daily_cash.closing_balance IS 'What was there at the end of the day. Unit: currency.';
