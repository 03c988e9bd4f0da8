-- The access log: who opened sealed boxes of whom, why, and what of it was shown. It names nobody: subjects by their random
-- id, staff by slugs. Rows are only added, and purged from the oldest on when their time is over.

-- One row for each subject of an opening. `link` is keyed and covers the row and the link before it.
CREATE TABLE access (
    tenant    TEXT   NOT NULL,
    number    BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    role      TEXT   NOT NULL,
    purpose   TEXT   NOT NULL,
    request   TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    labels    TEXT   NOT NULL,
    fields    TEXT   NOT NULL,
    shown     TEXT   NOT NULL,
    boxes     BIGINT NOT NULL,
    link      {blob} NOT NULL,
    PRIMARY KEY (tenant, number)
) {strict};
CREATE INDEX access_by_subject ON access (tenant, subject, number);
CREATE INDEX access_by_time ON access (opened_at);

-- Where each tenant's chain ends, and what it begins after since it was purged. `seal` is keyed and covers the row.
CREATE TABLE access_chain (
    tenant        TEXT   NOT NULL PRIMARY KEY,
    number        BIGINT NOT NULL,
    link          {blob} NOT NULL,
    purged_number BIGINT NOT NULL,
    purged_link   {blob} NOT NULL,
    seal          {blob} NOT NULL
) {strict};

-- How many people one actor may look at in an hour before it counts as unusual, where that is not the usual number.
CREATE TABLE access_limit (
    tenant   TEXT   NOT NULL PRIMARY KEY,
    subjects BIGINT NOT NULL
) {strict};

-- Staff who may see people in clear.
CREATE TABLE may_reveal (
    tenant TEXT   NOT NULL,
    staff  TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (tenant, staff)
) {strict};
