-- What the platform itself records about tenants that people keep books for. Like `tenant`: not on the log, kept through a
-- rebuild. Vouchers, periods and added accounts are facts, and stand in `part`.

-- Tenants whose books are closed for good.
CREATE TABLE tenant_closed (
    tenant    TEXT   NOT NULL PRIMARY KEY,
    closed_at BIGINT NOT NULL
) {strict};

-- By currency, the sum of debits above which a voucher needs a second person, minor units.
CREATE TABLE approval_limit (
    tenant   TEXT   NOT NULL,
    currency TEXT   NOT NULL,
    minor    BIGINT NOT NULL,
    PRIMARY KEY (tenant, currency)
) {strict};
