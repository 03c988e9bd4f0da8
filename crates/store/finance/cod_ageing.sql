-- Cash on delivery by courier: collected, paid out, kept back, and what is outstanding by days since delivery.
CREATE OR REPLACE VIEW {finance}.cod_ageing WITH (security_barrier = true) AS
SELECT p.tenant,
       p.courier,
       p.currency,
       p.today AS as_of,
       sum(p.expected) * c.unit AS expected,
       sum(p.remitted) * c.unit AS remitted,
       sum(p.fees) * c.unit AS fees,
       sum(p.outstanding) * c.unit AS outstanding,
       sum(p.on_the_way) * c.unit AS on_the_way,
       coalesce(sum(p.outstanding) FILTER (WHERE p.age <= 7), 0) * c.unit AS days_0_7,
       coalesce(sum(p.outstanding) FILTER (WHERE p.age BETWEEN 8 AND 14), 0) * c.unit AS days_8_14,
       coalesce(sum(p.outstanding) FILTER (WHERE p.age BETWEEN 15 AND 30), 0) * c.unit AS days_15_30,
       coalesce(sum(p.outstanding) FILTER (WHERE p.age >= 31), 0) * c.unit AS days_31_up,
       count(*) FILTER (WHERE p.outstanding <> 0) AS outstanding_parcels,
       min(p.delivered_on) FILTER (WHERE p.outstanding <> 0) AS oldest_delivery,
       sum(p.written_off) * c.unit AS written_off
FROM (
    SELECT d.*, coalesce(d.today - d.delivered_on, 0) AS age
    FROM (
        SELECT cod.tenant, cod.courier, cod.currency,
               cod.expected, cod.remitted, cod.fees, cod.outstanding, cod.on_the_way, cod.written_off,
               DATE '1970-01-01' + cod.delivered_on::integer AS delivered_on,
               (now() AT TIME ZONE coalesce(t.zone, 'Asia/Karachi'))::date AS today
        FROM {books}.cod_position AS cod
        LEFT JOIN {books}.tenant AS t ON t.tenant = cod.tenant
        WHERE cod.tenant IN {readable}
          AND (cod.expected <> 0 OR cod.remitted <> 0 OR cod.fees <> 0 OR cod.on_the_way <> 0 OR cod.written_off <> 0)
    ) AS d
) AS p
JOIN {finance}.finance_currency AS c ON c.code = p.currency
GROUP BY p.tenant, p.courier, p.currency, p.today, c.unit;

COMMENT ON VIEW {finance}.cod_ageing IS 'Cash on delivery by courier and currency: collected, paid out, kept back, and what is outstanding by days since delivery. expected = remitted + fees + written_off + outstanding.';
COMMENT ON COLUMN {finance}.cod_ageing.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.cod_ageing.courier IS 'The courier''s short name.';
COMMENT ON COLUMN {finance}.cod_ageing.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN {finance}.cod_ageing.as_of IS 'The day to which ages are counted: today in the merchant''s time zone.';
COMMENT ON COLUMN {finance}.cod_ageing.expected IS 'Collected at the door. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.remitted IS 'Paid out, net of fees. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.fees IS 'Kept back by the courier: fees, their tax, and tax withheld. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.outstanding IS 'Still owed by the courier: the ledger''s receivable. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.on_the_way IS 'To be collected on parcels that are under way. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.days_0_7 IS 'Outstanding on parcels delivered up to 7 days ago, or not delivered. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.days_8_14 IS 'Outstanding on parcels delivered 8 to 14 days ago. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.days_15_30 IS 'Outstanding on parcels delivered 15 to 30 days ago. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.days_31_up IS 'Outstanding on parcels delivered 31 days ago or earlier. Unit: currency.';
COMMENT ON COLUMN {finance}.cod_ageing.outstanding_parcels IS 'Parcels whose cash is not settled to the last unit. Unit: parcels.';
COMMENT ON COLUMN {finance}.cod_ageing.oldest_delivery IS 'The earliest delivery among them.';
COMMENT ON COLUMN {finance}.cod_ageing.written_off IS 'Collected and given up, or claimed of the courier. Unit: currency.';
