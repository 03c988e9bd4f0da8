-- The books and the read models. Everything here except `tenant` is a fold of the log and can be dropped and rebuilt.
-- One text serves both dialects: {blob} and {strict} are filled in for each (see README.md).
-- Instants are microseconds since 1970-01-01T00:00:00Z, days are counted from 1970-01-01, amounts are minor units.

CREATE TABLE tenant (
    tenant       TEXT   NOT NULL PRIMARY KEY,
    zone         TEXT   NOT NULL,
    cod_gateways TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
) {strict};

-- How far a consumer has folded a partition. `offsets` is JSON: topic name to next offset. Locked and compared at the
-- start of every batch, so a consumer that lost its partition cannot commit.
CREATE TABLE checkpoint (
    consumer     TEXT   NOT NULL,
    partition_no BIGINT NOT NULL,
    offsets      TEXT   NOT NULL,
    stage        TEXT   NOT NULL,
    PRIMARY KEY (consumer, partition_no)
) {strict};

-- Records that a consumer could not read: skipped, listed, never blocking.
CREATE TABLE poison (
    consumer      TEXT   NOT NULL,
    topic         TEXT   NOT NULL,
    partition_no  BIGINT NOT NULL,
    record_offset BIGINT NOT NULL,
    reason        TEXT   NOT NULL,
    PRIMARY KEY (consumer, topic, partition_no, record_offset)
) {strict};

-- Merged facts by part, with what is posted for each. `order_name` is the name an order bears, `quoted_name` the one a
-- parcel's courier quotes; `parked` says why a case cannot be posted.
CREATE TABLE part (
    tenant      TEXT   NOT NULL,
    part        TEXT   NOT NULL,
    order_name  TEXT,
    quoted_name TEXT,
    state       {blob} NOT NULL,
    posted      {blob} NOT NULL,
    parked      TEXT,
    PRIMARY KEY (tenant, part)
) {strict};
-- Not partial: SQLite cannot prove that a name from a list of values is not NULL, and would read the whole table.
CREATE INDEX part_by_order_name ON part (tenant, order_name);
CREATE INDEX part_by_quoted_name ON part (tenant, quoted_name);
CREATE INDEX part_parked ON part (tenant, part) WHERE parked IS NOT NULL;

-- The journal: gapless numbers per tenant, chained over `body`, the bytes of daybook.ledger.v1.TransactionPosted.
-- It is its own outbox: `position` is gapless per partition and the relay publishes what lies beyond its mark.
CREATE TABLE journal (
    tenant       TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    partition_no BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    part         TEXT   NOT NULL,
    effective    BIGINT NOT NULL,
    recorded     BIGINT NOT NULL,
    body         {blob} NOT NULL,
    link         {blob} NOT NULL,
    PRIMARY KEY (tenant, number)
) {strict};
CREATE UNIQUE INDEX journal_by_position ON journal (partition_no, position);
CREATE INDEX journal_by_part ON journal (tenant, part);

-- The last number and link of each tenant's chain.
CREATE TABLE journal_head (
    tenant TEXT   NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    link   {blob} NOT NULL
) {strict};

-- How far each partition's journal reaches, and how far of it the ledger topic has.
CREATE TABLE relay (
    partition_no BIGINT NOT NULL PRIMARY KEY,
    position     BIGINT NOT NULL,
    relayed      BIGINT NOT NULL
) {strict};

CREATE TABLE balance (
    tenant   TEXT   NOT NULL,
    account  TEXT   NOT NULL,
    currency TEXT   NOT NULL,
    day      BIGINT NOT NULL,
    debits   BIGINT NOT NULL,
    credits  BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, currency, day)
) {strict};

CREATE TABLE order_view (
    tenant    TEXT   NOT NULL,
    order_id  TEXT   NOT NULL,
    name      TEXT,
    placed_at BIGINT,
    currency  TEXT,
    total     BIGINT,
    cod       BIGINT NOT NULL,
    status    TEXT   NOT NULL,
    refunded  BIGINT NOT NULL,
    parcels   BIGINT NOT NULL,
    city      TEXT,
    country   TEXT,
    PRIMARY KEY (tenant, order_id)
) {strict};
CREATE INDEX order_view_by_time ON order_view (tenant, placed_at);
CREATE INDEX order_view_by_name ON order_view (tenant, name);

CREATE TABLE shipment (
    tenant       TEXT   NOT NULL,
    courier      TEXT   NOT NULL,
    tracking     TEXT   NOT NULL,
    order_id     TEXT,
    state        TEXT   NOT NULL,
    attempts     BIGINT NOT NULL,
    last_scan_at BIGINT,
    last_code    TEXT,
    delivered_at BIGINT,
    returned_at  BIGINT,
    PRIMARY KEY (tenant, courier, tracking)
) {strict};
CREATE INDEX shipment_by_order ON shipment (tenant, order_id);

CREATE TABLE cod_position (
    tenant       TEXT   NOT NULL,
    courier      TEXT   NOT NULL,
    tracking     TEXT   NOT NULL,
    order_id     TEXT,
    currency     TEXT   NOT NULL,
    expected     BIGINT NOT NULL,
    remitted     BIGINT NOT NULL,
    fees         BIGINT NOT NULL,
    outstanding  BIGINT NOT NULL,
    on_the_way   BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    delivered_on BIGINT,
    PRIMARY KEY (tenant, courier, tracking)
) {strict};

-- Sealed details by what they are about and in which role. `sealed` is NULL once the subject is erased, or when the
-- details arrived after the erasure.
CREATE TABLE person (
    tenant  TEXT   NOT NULL,
    about   TEXT   NOT NULL,
    role    TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    event   TEXT   NOT NULL,
    version BIGINT NOT NULL,
    sealed  {blob},
    PRIMARY KEY (tenant, about, role)
) {strict};
CREATE INDEX person_by_subject ON person (tenant, subject);

-- Tombstones as the log tells them, so that a fold in any order never shows an erased person.
CREATE TABLE erased_subject (
    tenant    TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    erased_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject)
) {strict};

-- What shops asked for by privacy webhooks.
CREATE TABLE privacy_request (
    tenant       TEXT   NOT NULL,
    request      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    subject      TEXT,
    requested_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, request)
) {strict};

CREATE TABLE stock (
    tenant    TEXT   NOT NULL,
    item      TEXT   NOT NULL,
    location  TEXT   NOT NULL,
    available BIGINT,
    version   BIGINT NOT NULL,
    PRIMARY KEY (tenant, item, location)
) {strict};

CREATE TABLE product_cost (
    tenant   TEXT   NOT NULL,
    variant  TEXT   NOT NULL,
    item     TEXT,
    sku      TEXT,
    cost     BIGINT,
    currency TEXT,
    version  BIGINT NOT NULL,
    PRIMARY KEY (tenant, variant)
) {strict};

CREATE TABLE quarantine (
    tenant      TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    origin      TEXT   NOT NULL,
    topic       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    path        TEXT   NOT NULL,
    problem     TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    subject     TEXT   NOT NULL,
    sealed      {blob} NOT NULL,
    PRIMARY KEY (tenant, event)
) {strict};

-- What has left the quarantine, so that a fold in any order never lists it again.
CREATE TABLE redriven (
    tenant TEXT NOT NULL,
    event  TEXT NOT NULL,
    PRIMARY KEY (tenant, event)
) {strict};
