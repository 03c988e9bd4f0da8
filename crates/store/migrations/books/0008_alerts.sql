-- Alerts of stock that has run out or is oversold, as they follow from the counts in the order of the log, and whether the alert
-- topic has them. Stock is folded again here, so that every count that was folded before is looked at once. Orders keep every
-- payment and refunds say what went onto gift cards, in another format of what is stored: the books are folded again too.

-- `position` is the offset of the count, and so the order in which a partition's alerts are published; `recorded` is when that
-- count was. `published` says how often the topic is known to have the alert: 0 until the relay has been there.
CREATE TABLE stock_alert (
    tenant    TEXT   NOT NULL,
    event     TEXT   NOT NULL,
    position  BIGINT NOT NULL,
    recorded  BIGINT NOT NULL,
    body      {blob} NOT NULL,
    published BIGINT NOT NULL,
    PRIMARY KEY (tenant, event)
) {strict};
CREATE INDEX stock_alert_waiting ON stock_alert (position) WHERE published = 0;

-- Levels that are low now, and what an item is called.
CREATE INDEX stock_low ON stock (tenant) WHERE available <= 0;
CREATE INDEX product_cost_by_item ON product_cost (tenant, item);

DELETE FROM stock;
DELETE FROM product_cost;
UPDATE checkpoint SET offsets = '{}', stage = 'rebuilding' WHERE consumer = 'stock';

DELETE FROM part;
DELETE FROM journal;
DELETE FROM journal_head;
DELETE FROM relay;
DELETE FROM balance;
DELETE FROM balance_month;
DELETE FROM order_view;
DELETE FROM shipment;
DELETE FROM cod_position;
DELETE FROM stock_movement;
UPDATE checkpoint SET offsets = '{}', stage = 'rebuilding' WHERE consumer = 'books';
