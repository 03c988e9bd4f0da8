-- Reasons for which a subject must not be erased yet. `reason` is cod, dispute or legal; each ends by itself at `until`.
CREATE TABLE hold (
    tenant  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    reason  TEXT   NOT NULL,
    staff   TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    until   BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject, reason)
) {strict};
