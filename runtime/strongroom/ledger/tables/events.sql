-- Events: what happened, in the order in which it was told. Resource, related ones and payload are JSON.
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    occurred BIGINT NOT NULL,
    resource TEXT NOT NULL,
    related TEXT NOT NULL,
    payload TEXT NOT NULL,
    follows TEXT,
    flow_run_id TEXT,
    task_run_id TEXT
);
CREATE INDEX IF NOT EXISTS events_by_time ON events (occurred);
