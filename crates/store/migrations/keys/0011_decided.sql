-- Lines of the keyring's list of decisions that are decided here and perhaps not on the list yet: each is written in the transaction of
-- its decision, put on the list right after that, and deleted. The list is what a database that was restored is compared with.
CREATE TABLE deciding (
    number BIGINT NOT NULL PRIMARY KEY,
    line   TEXT   NOT NULL
) {strict};
