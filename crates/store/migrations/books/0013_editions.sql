-- A set of a projection's tables can be replaced by one that was built beside it, while checkpoints say the same offsets as before.
-- `edition` counts how often rows were changed otherwise than by folding on: what was decided over an earlier edition is not
-- written. `version` is that of the rules by which the rows were folded.

ALTER TABLE checkpoint ADD COLUMN edition BIGINT NOT NULL DEFAULT 0;
ALTER TABLE checkpoint ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
