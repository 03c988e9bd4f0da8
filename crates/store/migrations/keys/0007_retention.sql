-- How long each tenant keeps what is personal, where that is not the usual time. `class` is customers, quarantine or accesses.
CREATE TABLE retention (
    tenant TEXT   NOT NULL,
    class  TEXT   NOT NULL,
    days   BIGINT NOT NULL,
    PRIMARY KEY (tenant, class)
) {strict};

-- Keys that live, by month: what is due is found without looking at the rest.
CREATE INDEX subject_key_by_month ON subject_key (tenant, month) WHERE state = 'active';
