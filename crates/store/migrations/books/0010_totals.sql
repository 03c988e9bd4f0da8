-- Detail that was replaced by totals. All of this is a fold, but for `journal_removed` and `balance_removed`, which go on from what
-- the fold left: they are emptied with the books, and made again from the journal that is folded anew.

-- Parts whose detail was replaced. `swept` is 1 when the journal no longer has their transactions, each with its reversal.
CREATE TABLE replaced_part (
    tenant TEXT   NOT NULL,
    part   TEXT   NOT NULL,
    swept  BIGINT NOT NULL,
    PRIMARY KEY (tenant, part)
) {strict};
CREATE INDEX replaced_part_waiting ON replaced_part (tenant, part) WHERE swept = 0;

-- What is left of transactions that were taken out of the journal: their place in the chain.
CREATE TABLE journal_removed (
    tenant       TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    partition_no BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    link         {blob} NOT NULL,
    PRIMARY KEY (tenant, number)
) {strict};

-- What they came to, as `balance` has it: the balances keep it, so that the past as it was known reads as it did.
CREATE TABLE balance_removed (
    tenant          TEXT   NOT NULL,
    account         TEXT   NOT NULL,
    currency        TEXT   NOT NULL,
    day             BIGINT NOT NULL,
    known           BIGINT NOT NULL,
    debits          BIGINT NOT NULL,
    credits         BIGINT NOT NULL,
    pending_debits  BIGINT NOT NULL,
    pending_credits BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, currency, day, known)
) {strict};

-- Facts that came for a part after its detail was replaced. They are on the log under these ids, and in no books.
CREATE TABLE late_fact (
    tenant   TEXT   NOT NULL,
    event    TEXT   NOT NULL,
    part     TEXT   NOT NULL,
    recorded BIGINT NOT NULL,
    PRIMARY KEY (tenant, event, part)
) {strict};
