-- What the views stand on beside the books: how many decimals a currency has, and which role may read which tenant.
-- Marks: {finance} is the schema of the views, {books} that of the books, {readable} the tenants of who asks (README.md).

CREATE TABLE IF NOT EXISTS {finance}.finance_currency (
    code     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    decimals INTEGER NOT NULL,
    unit     NUMERIC NOT NULL
);
COMMENT ON TABLE {finance}.finance_currency IS
    'Decimals of each ISO 4217 currency, and its minor unit in major ones: 0.01 for PKR, 1 for JPY, 0.001 for KWD.';

CREATE TABLE IF NOT EXISTS {finance}.finance_reader (
    role_name TEXT COLLATE "C" NOT NULL,
    tenant    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (role_name, tenant)
);
