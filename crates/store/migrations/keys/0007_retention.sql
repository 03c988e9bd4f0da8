-- How long each tenant keeps what is personal, where that is not the usual time. `class` is customers, quarantine or accesses.
CREATE TABLE retention (
    tenant TEXT   NOT NULL,
    class  TEXT   NOT NULL,
    days   BIGINT NOT NULL,
    PRIMARY KEY (tenant, class)
) {strict};

-- Keys that live, by month: what is due is found without looking at the rest.
CREATE INDEX subject_key_by_month ON subject_key (tenant, month) WHERE state = 'active';

-- Whoever is erased because their time is over, and comes back, is somebody new from this time on, and not only from the erasure on:
-- what was ordered since is not past its time. NULL for those who asked.
ALTER TABLE erasure ADD COLUMN fenced_until BIGINT;
ALTER TABLE subject ADD COLUMN fenced_until BIGINT;

-- When what was past its time last went: a clock that has jumped shows.
CREATE TABLE retention_pass (
    one     BIGINT NOT NULL PRIMARY KEY,
    went_at BIGINT NOT NULL
) {strict};
