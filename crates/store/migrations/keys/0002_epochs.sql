-- Epochs that end: each one's key lies in the keyring, outside every database, so that destroying it there makes every
-- copy of this database unreadable that was taken before the epoch ended.

-- `state` is current, retired or destroyed; one is current. `wrapped` is empty: it once held the key.
ALTER TABLE epoch ADD COLUMN state TEXT NOT NULL DEFAULT 'current';
ALTER TABLE epoch ADD COLUMN retired_at BIGINT;
ALTER TABLE epoch ADD COLUMN destroyed_at BIGINT;
CREATE UNIQUE INDEX epoch_current ON epoch (state) WHERE state = 'current';

-- `state` is in-use; lossy, once one of its keys was destroyed; left, when the keys that live have moved to other pages; or
-- damaged, when it does not unwrap. A page that was left is never wrapped by a later epoch, and so dies with its own. Pages
-- from before may have lost keys, and copies of them hang on an epoch that lay in the database: the first rotation leaves them.
ALTER TABLE page ADD COLUMN state TEXT NOT NULL DEFAULT 'in-use';
UPDATE page SET state = 'lossy';
DROP INDEX page_with_room;
CREATE INDEX page_with_room ON page (page) WHERE used < 1024 AND state = 'in-use';
CREATE INDEX page_by_epoch ON page (state, epoch, page);
CREATE INDEX index_key_by_epoch ON index_key (epoch, tenant);
CREATE INDEX subject_key_by_page ON subject_key (page) WHERE state = 'active';

-- Which keyring belongs to this key store: one row, the random id that also stands in the keyring.
CREATE TABLE keyring (
    id TEXT NOT NULL PRIMARY KEY
) {strict};

-- The last epoch that wraps a copy of the destroyed keys: when it is destroyed, no copy of theirs opens anywhere.
ALTER TABLE erasure ADD COLUMN epoch BIGINT;
