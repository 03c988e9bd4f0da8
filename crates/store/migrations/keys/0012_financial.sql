-- Merchants whose books keep their detail, though its time is over: why, until when, and who said so.
CREATE TABLE books_held (
    tenant TEXT   NOT NULL PRIMARY KEY,
    reason TEXT   NOT NULL,
    staff  TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    until  BIGINT NOT NULL
) {strict};

-- Of how many cases the detail was replaced by totals.
ALTER TABLE retention_report ADD COLUMN replaced BIGINT NOT NULL DEFAULT 0;
