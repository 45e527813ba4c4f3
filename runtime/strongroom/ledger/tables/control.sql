-- Requests that a run ends. Each further one is answered harder.
CREATE TABLE IF NOT EXISTS cancellations (
    flow_run_id TEXT PRIMARY KEY,
    requests BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
-- Requests that a run of another process suspends itself before its next task. The key is that of its pause.
CREATE TABLE IF NOT EXISTS suspensions (
    flow_run_id TEXT PRIMARY KEY,
    until BIGINT,
    created BIGINT NOT NULL
);
-- Pauses of runs, by the key that tells one from the next. "until" is null where it waits for ever, "resumed" while it
-- waits. What it asks for, and the answer, are inputs.
CREATE TABLE IF NOT EXISTS pauses (
    flow_run_id TEXT NOT NULL,
    key TEXT NOT NULL,
    suspends INTEGER NOT NULL,
    asks INTEGER NOT NULL,
    until BIGINT,
    created BIGINT NOT NULL,
    resumed BIGINT,
    PRIMARY KEY (flow_run_id, key)
);
-- What was sent to runs, in the order of "place". The value is a sealed record.
CREATE TABLE IF NOT EXISTS inputs (
    flow_run_id TEXT NOT NULL,
    key TEXT NOT NULL,
    place BIGINT NOT NULL,
    sender TEXT,
    value BLOB NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (flow_run_id, key)
);
CREATE INDEX IF NOT EXISTS inputs_by_place ON inputs (flow_run_id, place);
