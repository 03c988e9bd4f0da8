-- By when the key of each epoch is destroyed: written when the epoch begins, and never changed, because every receipt of an
-- erasure promises it. Epochs from before get theirs when the key store is next opened.
ALTER TABLE epoch ADD COLUMN destroy_by BIGINT;
