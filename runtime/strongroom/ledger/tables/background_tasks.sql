-- Task runs that wait for a process that serves their task: "waiting", "taken", "ended". The call is a sealed record of
-- parameters and futures, the state one of how it ended. "deliveries" counts how often it was taken.
CREATE TABLE IF NOT EXISTS background_tasks (
    id TEXT PRIMARY KEY,
    task_key TEXT NOT NULL,
    name TEXT NOT NULL,
    stage TEXT NOT NULL,
    call BLOB NOT NULL,
    holder TEXT,
    beat BIGINT,
    deliveries BIGINT NOT NULL,
    state BLOB,
    created BIGINT NOT NULL,
    ended BIGINT
);
CREATE INDEX IF NOT EXISTS background_tasks_by_stage ON background_tasks (stage, task_key, created);
-- What a task run waits for, of those here.
CREATE TABLE IF NOT EXISTS background_task_inputs (
    task_id TEXT NOT NULL,
    upstream_id TEXT NOT NULL,
    PRIMARY KEY (task_id, upstream_id)
);
