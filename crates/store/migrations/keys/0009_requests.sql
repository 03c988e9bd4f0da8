-- What people asked for about their data, and what became of it. It names nobody: people are random ids, staff slugs, reasons and
-- outcomes slugs. What somebody wrote is sealed under their key.

-- `request` is a random id, or that of the event by which a shop asked. `subject` is NULL where nobody known here was meant, or a whole
-- shop. `state` is that of the last step; `closed_at` is NULL while something is left to do. `detail` is the outcome of what was
-- carried out, the reason of what was refused, or the request that another one was merged into; `first_by` who approved first.
CREATE TABLE request (
    tenant      TEXT   NOT NULL,
    request     TEXT   NOT NULL,
    subject     TEXT,
    kind        TEXT   NOT NULL,
    channel     TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    detail      TEXT,
    first_by    TEXT,
    two_people  BIGINT NOT NULL,
    joined      BIGINT NOT NULL,
    steps       BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    warn_at     BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    closed_at   BIGINT,
    words       {blob},
    PRIMARY KEY (tenant, request)
) {strict};
-- One open request of a kind and person: another is merged into it.
CREATE UNIQUE INDEX request_open ON request (tenant, subject, kind) WHERE closed_at IS NULL AND subject IS NOT NULL;
CREATE INDEX request_due ON request (due_at) WHERE closed_at IS NULL;
CREATE INDEX request_by_subject ON request (tenant, subject);

-- Every step of every request, numbered from 1: who, when, what. Rows are only added.
CREATE TABLE request_step (
    tenant   TEXT   NOT NULL,
    request  TEXT   NOT NULL,
    number   BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    role     TEXT   NOT NULL,
    step     TEXT   NOT NULL,
    detail   TEXT,
    PRIMARY KEY (tenant, request, number)
) {strict};

-- Tenants for whom one person is enough to have somebody erased on request. Without a row it takes two.
CREATE TABLE request_rule (
    tenant     TEXT   NOT NULL PRIMARY KEY,
    two_people BIGINT NOT NULL
) {strict};

-- People who show on the merchant's page who they are. The code that is sent to them lies nowhere: it follows from `visit` and the
-- tenant's index key. `subject` and `order_id` are NULL where order and phone number did not belong together: the row is there all the
-- same, so that nobody learns which it was.
CREATE TABLE visit_code (
    tenant     TEXT   NOT NULL,
    visit      TEXT   NOT NULL,
    subject    TEXT,
    order_id   TEXT,
    tries      BIGINT NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, visit)
) {strict};

-- Sessions of those who did. `mark` is an HMAC of what the browser holds.
CREATE TABLE visit_session (
    tenant     TEXT   NOT NULL,
    mark       {blob} NOT NULL,
    subject    TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, mark)
) {strict};
