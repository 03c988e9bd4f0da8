-- What couriers charged, by month: delivery fees, return fees, and the tax on both.
CREATE OR REPLACE VIEW {finance}.courier_charges WITH (security_barrier = true) AS
SELECT e.tenant,
       e.courier,
       e.month,
       e.currency,
       coalesce(sum(e.minor) FILTER (WHERE e.account = 'expenses:courier-fees'), 0) * c.unit AS delivery_fees,
       coalesce(sum(e.minor) FILTER (WHERE e.account = 'expenses:courier-return-fees'), 0) * c.unit AS return_fees,
       coalesce(sum(e.minor) FILTER (WHERE e.account = 'assets:input-tax'), 0) * c.unit AS input_tax,
       sum(e.minor) * c.unit AS total
FROM (
    SELECT j.tenant,
           -- Totals that stand for old parcels say whose they are behind their id.
           split_part(j.part, '/', CASE split_part(j.part, '/', 1) WHEN 'totals' THEN 3 ELSE 2 END) COLLATE "C" AS courier,
           date_trunc('month', (DATE '1970-01-01' + j.effective::integer)::timestamp)::date AS month,
           (one.entry ->> 0) COLLATE "C" AS account,
           (one.entry ->> 3) COLLATE "C" AS currency,
           CASE one.entry ->> 1 WHEN 'D' THEN (one.entry ->> 2)::numeric ELSE -(one.entry ->> 2)::numeric END AS minor
    FROM {books}.journal AS j
    CROSS JOIN LATERAL jsonb_array_elements(j.entries::jsonb) AS one (entry)
    WHERE j.tenant IN {readable}
      AND (split_part(j.part, '/', 1) IN ('parcel', 'payout')
           OR split_part(j.part, '/', 1) = 'totals' AND split_part(j.part, '/', 3) <> '')
      AND one.entry ->> 0 IN ('expenses:courier-fees', 'expenses:courier-return-fees', 'assets:input-tax')
      AND one.entry ->> 4 = 'posted'
) AS e
JOIN {finance}.finance_currency AS c ON c.code = e.currency
GROUP BY e.tenant, e.courier, e.month, e.currency, c.unit
HAVING bool_or(e.minor <> 0);

COMMENT ON VIEW {finance}.courier_charges IS 'What couriers charged, by month: delivery fees, return fees, and the tax on both, from what is posted for their parcels.';
COMMENT ON COLUMN {finance}.courier_charges.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.courier_charges.courier IS 'The courier''s short name.';
COMMENT ON COLUMN {finance}.courier_charges.month IS 'First day of the month in which the charges count, in the merchant''s time zone.';
COMMENT ON COLUMN {finance}.courier_charges.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN {finance}.courier_charges.delivery_fees IS 'Account expenses:courier-fees. Unit: currency.';
COMMENT ON COLUMN {finance}.courier_charges.return_fees IS 'Account expenses:courier-return-fees. Unit: currency.';
COMMENT ON COLUMN {finance}.courier_charges.input_tax IS 'Account assets:input-tax: tax on those fees that can be set off. Unit: currency.';
COMMENT ON COLUMN {finance}.courier_charges.total IS 'The three added up. Unit: currency.';
