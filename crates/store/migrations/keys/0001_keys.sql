-- The key store: the one thing beside the log. Nothing here can be rebuilt, and nothing here names a person: identities
-- are keyed hashes, keys are wrapped, and a destroyed key leaves its row as a tombstone.
-- One text serves both dialects: {blob} and {strict} are filled in for each (see README.md).

-- Key-encryption keys, wrapped by the root key.
CREATE TABLE epoch (
    epoch      BIGINT NOT NULL PRIMARY KEY,
    wrapped    {blob} NOT NULL,
    created_at BIGINT NOT NULL
) {strict};

-- Keys that wrap about a thousand subject keys each, wrapped by an epoch.
CREATE TABLE page (
    page    BIGINT NOT NULL PRIMARY KEY,
    epoch   BIGINT NOT NULL,
    wrapped {blob} NOT NULL,
    used    BIGINT NOT NULL
) {strict};
CREATE INDEX page_with_room ON page (page) WHERE used < 1024;

-- Each tenant's key for blind indexes, wrapped by an epoch.
CREATE TABLE index_key (
    tenant  TEXT   NOT NULL PRIMARY KEY,
    epoch   BIGINT NOT NULL,
    wrapped {blob} NOT NULL
) {strict};

-- Data subjects. `erased` is final.
CREATE TABLE subject (
    tenant     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    erased_at  BIGINT,
    PRIMARY KEY (tenant, subject)
) {strict};

-- One key per subject and retention month. `wrapped` is NULL once destroyed; the row stays.
CREATE TABLE subject_key (
    tenant       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    month        TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    page         BIGINT NOT NULL,
    wrapped      {blob},
    state        TEXT   NOT NULL,
    destroyed_at BIGINT,
    PRIMARY KEY (tenant, subject, month)
) {strict};
CREATE UNIQUE INDEX subject_key_by_id ON subject_key (key_id);

-- What identifies a subject: HMAC-SHA256 under the tenant's index key. After an erasure only rows of orders and customers
-- stay, as a fence: payloads from before the erasure that name them lose their personal part. A customer who comes back
-- is a new subject; the row then points there and remembers whom it stood for, and until when.
CREATE TABLE identity (
    tenant         TEXT   NOT NULL,
    blind          {blob} NOT NULL,
    kind           TEXT   NOT NULL,
    subject        TEXT   NOT NULL,
    fenced_subject TEXT,
    fenced_at      BIGINT,
    PRIMARY KEY (tenant, blind)
) {strict};
CREATE INDEX identity_by_subject ON identity (tenant, subject);

-- Webhook secrets, wrapped by the root key. `slot` is current or previous: two are live while one is being replaced.
CREATE TABLE webhook_secret (
    tenant  TEXT   NOT NULL,
    sender  TEXT   NOT NULL,
    slot    TEXT   NOT NULL,
    wrapped {blob} NOT NULL,
    PRIMARY KEY (tenant, sender, slot)
) {strict};

-- Erasures, recorded before anything is destroyed. `stage` is requested, destroyed or announced.
CREATE TABLE erasure (
    tenant       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    stage        TEXT   NOT NULL,
    requested_at BIGINT NOT NULL,
    destroyed_at BIGINT,
    PRIMARY KEY (tenant, subject)
) {strict};
CREATE INDEX erasure_unfinished ON erasure (tenant, subject) WHERE stage <> 'announced';
