-- What an accountant asks of a ledger: promises beside what is posted, balances as they were known on a day, entries that SQL
-- can read, vouchers and closed periods. The books are a fold of the log: they are emptied here, and folded again.

DROP TABLE balance;

-- Sums by account, currency and the day on which entries count. `known` is the day (UTC) on which they were recorded, so that
-- the balances of any day can be read as they were known on any other. Pending sums are promises, and promises taken back.
CREATE TABLE balance (
    tenant          TEXT   NOT NULL,
    account         TEXT   NOT NULL,
    currency        TEXT   NOT NULL,
    day             BIGINT NOT NULL,
    known           BIGINT NOT NULL,
    debits          BIGINT NOT NULL,
    credits         BIGINT NOT NULL,
    pending_debits  BIGINT NOT NULL,
    pending_credits BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, currency, day, known)
) {strict};

DROP TABLE journal;

-- The journal: gapless numbers per tenant, chained over `body`, the bytes of daybook.ledger.v1.TransactionPosted.
-- It is its own outbox: `position` is gapless per partition and the relay publishes what lies beyond its mark. `entries` says
-- again what `body` says, as JSON that SQL can read: [[account, "D" or "C", minor units, currency, "posted" or "pending"], ...].
CREATE TABLE journal (
    tenant       TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    partition_no BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    part         TEXT   NOT NULL,
    effective    BIGINT NOT NULL,
    recorded     BIGINT NOT NULL,
    entries      TEXT   NOT NULL,
    body         {blob} NOT NULL,
    link         {blob} NOT NULL,
    PRIMARY KEY (tenant, number)
) {strict};
CREATE UNIQUE INDEX journal_by_position ON journal (partition_no, position);
CREATE INDEX journal_by_part ON journal (tenant, part);
CREATE INDEX journal_by_day ON journal (tenant, effective);

DELETE FROM part;
DELETE FROM journal_head;
DELETE FROM relay;
DELETE FROM order_view;
DELETE FROM shipment;
DELETE FROM cod_position;
UPDATE checkpoint SET offsets = '{}', stage = 'rebuilding' WHERE consumer = 'books';
