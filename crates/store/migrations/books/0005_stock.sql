-- Goods at cost: the cards of the items in stock, line by line. The books are a fold of the log: they are emptied here, and
-- folded again, because the movements of orders that were folded before are not known.

-- `occurred` and `origin` give a line its place on its item's card; `part` is whose journal it is posted in. `quantity`,
-- `unit_cost`, `issue` and `earlier` say what moved; `cost` and `correction` what that is worth in `currency`, NULL when it has
-- no value; `state` is the stock after it, NULL until it is valued: so that a late line is valued from the line before it.
CREATE TABLE stock_movement (
    tenant        TEXT   NOT NULL,
    item          TEXT   NOT NULL,
    occurred      BIGINT NOT NULL,
    origin        TEXT   NOT NULL,
    part          TEXT,
    kind          TEXT   NOT NULL,
    quantity      BIGINT NOT NULL,
    unit_cost     BIGINT,
    unit_currency TEXT,
    issue         TEXT,
    earlier       BIGINT NOT NULL,
    cost          BIGINT,
    correction    BIGINT,
    currency      TEXT,
    state         {blob},
    PRIMARY KEY (tenant, item, occurred, origin)
) {strict};
CREATE INDEX stock_movement_by_part ON stock_movement (tenant, part);

DELETE FROM part;
DELETE FROM journal;
DELETE FROM journal_head;
DELETE FROM relay;
DELETE FROM balance;
DELETE FROM order_view;
DELETE FROM shipment;
DELETE FROM cod_position;
UPDATE checkpoint SET offsets = '{}', stage = 'rebuilding' WHERE consumer = 'books';
