-- What people may ask for beside being erased. Nobody is named: subjects by their random id, staff by slugs, everything else by
-- words of this program.

-- Data that is only kept (GDPR Art. 18). It stands until it was lifted, or from its day on if the person was told before.
-- `reason` is accuracy, unlawful, claims or objection; `told` is the channel by which the person was told that it ends.
CREATE TABLE restriction (
    tenant    TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    since     BIGINT NOT NULL,
    until     BIGINT,
    staff     TEXT   NOT NULL,
    told      TEXT,
    told_by   TEXT,
    told_at   BIGINT,
    lifted_by TEXT,
    lifted_at BIGINT,
    PRIMARY KEY (tenant, subject, reason, since)
) {strict};

-- Purposes for which somebody's data is not opened any more (Art. 21), until the objection is taken back or answered.
CREATE TABLE objection (
    tenant     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    processing TEXT   NOT NULL,
    since      BIGINT NOT NULL,
    staff      TEXT   NOT NULL,
    ended_by   TEXT,
    ended_at   BIGINT,
    PRIMARY KEY (tenant, subject, processing, since)
) {strict};

-- What people are asked to consent to. `keeps_older`: consents to the wordings before this one go on counting.
CREATE TABLE consent_wording (
    tenant      TEXT   NOT NULL,
    processing  TEXT   NOT NULL,
    version     TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    sha256      TEXT   NOT NULL,
    wording     TEXT   NOT NULL,
    keeps_older BIGINT NOT NULL,
    PRIMARY KEY (tenant, processing, version)
) {strict};

-- What was said, in the order in which it was: rows are only added. `wording` is the SHA-256 of what was consented to, NULL for a
-- withdrawal; `evidence` is where the proof lies.
CREATE TABLE consent (
    tenant     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    number     BIGINT NOT NULL,
    processing TEXT   NOT NULL,
    wording    TEXT,
    channel    TEXT   NOT NULL,
    evidence   TEXT   NOT NULL,
    staff      TEXT   NOT NULL,
    said_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject, number)
) {strict};

-- A merchant's account that is closed, the last time it was. It can be opened again until what it left behind begins to go.
-- `closed_by` is operator or shop.
CREATE TABLE closure (
    tenant      TEXT   NOT NULL PRIMARY KEY,
    closed_at   BIGINT NOT NULL,
    closed_by   TEXT   NOT NULL,
    reopened_at BIGINT,
    begun_at    BIGINT,
    done_at     BIGINT
) {strict};

-- Every time that what was past its time went, for a tenant: when, by whom, and how much of what.
CREATE TABLE retention_report (
    tenant      TEXT   NOT NULL,
    went_at     BIGINT NOT NULL,
    went_by     TEXT   NOT NULL,
    erased      BIGINT NOT NULL,
    keys        BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    accesses    BIGINT NOT NULL,
    secrets     BIGINT NOT NULL,
    index_rows  BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    PRIMARY KEY (tenant, went_at)
) {strict};

-- When it last went by itself, and since when a platform that had not run for long waits with it.
CREATE TABLE retention_schedule (
    one           BIGINT NOT NULL PRIMARY KEY,
    last_at       BIGINT,
    waiting_since BIGINT
) {strict};

-- Merchants whose books are asked before somebody is erased: while their cash or a dispute is open, they are held.
CREATE TABLE book_holds (
    tenant TEXT   NOT NULL PRIMARY KEY,
    since  BIGINT NOT NULL
) {strict};
