-- The keyring's list of erasures, which is never rolled back, and how far it is known to be carried out here: one row. What
-- the list says before `position` stands here as a tombstone, or as a request that will be. `line` is the last line before it,
-- so that another list in its place is noticed.
CREATE TABLE erased_list (
    list     TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    line     TEXT   NOT NULL
) {strict};
