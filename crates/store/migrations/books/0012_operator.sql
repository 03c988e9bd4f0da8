-- What an operator has told to wait or to go slower. Like `tenant`: no fold of the log, kept through a rebuild.

-- Projections that no process folds until they are resumed. From then on `until` says, by partition, where the log ended when they
-- were: before that is folded, nothing may be decided by them. NULL while they are paused.
CREATE TABLE paused (
    consumer  TEXT   NOT NULL PRIMARY KEY,
    paused_at BIGINT NOT NULL,
    until     TEXT
) {strict};

-- How a tenant's webhooks are taken, where that is not as usual: turned away since `paused_at`, and not more than
-- `per_second` of them by each process; 0 means as many as come, NULL what the setting says.
CREATE TABLE intake (
    tenant     TEXT   NOT NULL PRIMARY KEY,
    paused_at  BIGINT,
    per_second BIGINT
) {strict};

-- How much waits in quarantine for which reason, and since when: asked every few seconds, and the rows are wide.
CREATE INDEX quarantine_by_reason ON quarantine (reason, received_at);
