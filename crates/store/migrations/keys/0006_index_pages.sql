-- Index pages: identities that name a person (phone, e-mail, quarantine) lie no longer as they were blinded, but hidden by
-- the key of a page, which an epoch wraps. What the table `identity` holds of them moves here when the store is opened.

-- The pages of a tenant share the space of tags: a page has those from `begins` on, the first 63 bits as a number, that agree
-- with it in the first `bits`. Another page with another key takes its place when it is full, has lost an identity, or when
-- `last_epoch` is over. `state` is in-use; lossy, once one of its identities was deleted; or damaged, when it does not unwrap.
CREATE TABLE index_page (
    tenant     TEXT   NOT NULL,
    begins     BIGINT NOT NULL,
    bits       BIGINT NOT NULL,
    page       BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    last_epoch BIGINT NOT NULL,
    wrapped    {blob} NOT NULL,
    used       BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    PRIMARY KEY (tenant, begins)
) {strict};
CREATE UNIQUE INDEX index_page_by_number ON index_page (page);
CREATE INDEX index_page_by_epoch ON index_page (epoch, tenant) WHERE state <> 'damaged';

-- An identity on its page: `mark` is an HMAC of the tag, `sealed` the tag encrypted, both under the key of the page.
CREATE TABLE paged_identity (
    page    BIGINT NOT NULL,
    mark    {blob} NOT NULL,
    tenant  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    sealed  {blob} NOT NULL,
    PRIMARY KEY (page, mark)
) {strict};
CREATE INDEX paged_identity_by_subject ON paged_identity (tenant, subject);

-- What is left to move.
CREATE INDEX identity_to_page ON identity (tenant) WHERE kind IN ('phone', 'email', 'quarantine');
