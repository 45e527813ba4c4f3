-- Artifacts: what runs show to people. Those of one key are its versions. The data are JSON.
CREATE TABLE IF NOT EXISTS artifacts (
    id TEXT PRIMARY KEY,
    key TEXT,
    type TEXT,
    description TEXT,
    data TEXT NOT NULL,
    flow_run_id TEXT,
    task_run_id TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS artifacts_by_key ON artifacts (key, updated);
CREATE INDEX IF NOT EXISTS artifacts_by_flow_run ON artifacts (flow_run_id, created);
