-- Parcels that came back, by courier and month: how many, of what orders, and what the couriers charged for bringing them back.
CREATE OR REPLACE VIEW {finance}.rto_loss WITH (security_barrier = true) AS
WITH returned AS (
    SELECT s.tenant,
           s.courier,
           date_trunc('month', (TIMESTAMPTZ '1970-01-01 00:00:00+00' + s.returned_at * INTERVAL '1 microsecond')
               AT TIME ZONE coalesce(t.zone, 'Asia/Karachi'))::date AS month,
           coalesce(o.currency, cod.currency, 'XXX') COLLATE "C" AS currency,
           s.order_id,
           coalesce(o.total, 0) AS order_total
    FROM {books}.shipment AS s
    LEFT JOIN {books}.tenant AS t ON t.tenant = s.tenant
    LEFT JOIN {books}.order_view AS o ON o.tenant = s.tenant AND o.order_id = s.order_id
    LEFT JOIN {books}.cod_position AS cod
           ON cod.tenant = s.tenant AND cod.courier = s.courier AND cod.tracking = s.tracking
    WHERE s.tenant IN {readable}
      AND s.returned_at IS NOT NULL
),
figures AS (
    SELECT tenant, courier, month, currency, count(*) AS parcels, 0::numeric AS order_value, 0::numeric AS fees
    FROM returned
    GROUP BY tenant, courier, month, currency
    UNION ALL
    SELECT o.tenant, o.courier, o.month, o.currency, 0, sum(o.order_total) * c.unit, 0
    FROM (SELECT DISTINCT * FROM returned WHERE order_id IS NOT NULL) AS o
    JOIN {finance}.finance_currency AS c ON c.code = o.currency
    GROUP BY o.tenant, o.courier, o.month, o.currency, c.unit
    UNION ALL
    SELECT tenant, courier, month, currency, 0, 0, return_fees
    FROM {finance}.courier_charges
    WHERE return_fees <> 0
)
SELECT tenant,
       courier,
       month,
       currency,
       sum(parcels)::bigint AS returned_parcels,
       sum(order_value) AS returned_order_value,
       sum(fees) AS return_fees
FROM figures
GROUP BY tenant, courier, month, currency;

COMMENT ON VIEW {finance}.rto_loss IS 'Parcels that came back (return to origin), by courier and month: how many, of what orders, and what the couriers charged for bringing them back.';
COMMENT ON COLUMN {finance}.rto_loss.tenant IS 'The merchant.';
COMMENT ON COLUMN {finance}.rto_loss.courier IS 'The courier''s short name.';
COMMENT ON COLUMN {finance}.rto_loss.month IS 'First day of the month in which the parcels came back and the fees count, in the merchant''s time zone.';
COMMENT ON COLUMN {finance}.rto_loss.currency IS 'ISO 4217 code; XXX for parcels whose currency nobody has named.';
COMMENT ON COLUMN {finance}.rto_loss.returned_parcels IS 'Parcels that came back. Unit: parcels.';
COMMENT ON COLUMN {finance}.rto_loss.returned_order_value IS 'Totals of the orders they belong to, each order once for a courier and month. Unit: currency.';
COMMENT ON COLUMN {finance}.rto_loss.return_fees IS 'Account expenses:courier-return-fees, without tax. Unit: currency.';
