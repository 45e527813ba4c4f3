-- Deployments: flows that run by themselves. "definition" is JSON that anybody may see; "sealed" is a sealed record of
-- the parameters, the source of the code and the variables of its process.
CREATE TABLE IF NOT EXISTS deployments (
    id TEXT PRIMARY KEY,
    flow_name TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    sealed BLOB NOT NULL,
    pool TEXT,
    queue TEXT NOT NULL,
    slots BIGINT,
    cancels_new INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    UNIQUE (flow_name, name)
);
-- Their schedules. Runs are made for dates after "planned" only, which never goes back: no date is planned twice.
CREATE TABLE IF NOT EXISTS deployment_schedules (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL,
    place BIGINT NOT NULL,
    slug TEXT,
    schedule TEXT NOT NULL,
    parameters BLOB,
    active INTEGER NOT NULL,
    planned BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS deployment_schedules_by_deployment ON deployment_schedules (deployment_id, place);
-- Runs of deployments: waiting ("scheduled", "late", "queued"), "taken" by a process that starts one, "running" in a
-- process of its own, "ended". The holder gives a sign of life in "beat". Times on the ledger's clock, but for "due".
CREATE TABLE IF NOT EXISTS deployment_runs (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL,
    schedule_id TEXT,
    due BIGINT NOT NULL,
    stage TEXT NOT NULL,
    definition TEXT NOT NULL,
    inputs BLOB,
    idempotency_key TEXT,
    holder TEXT,
    beat BIGINT,
    state BLOB,
    created BIGINT NOT NULL,
    ended BIGINT,
    UNIQUE (schedule_id, due),
    UNIQUE (deployment_id, idempotency_key)
);
CREATE INDEX IF NOT EXISTS deployment_runs_by_stage ON deployment_runs (stage, due);
CREATE INDEX IF NOT EXISTS deployment_runs_by_deployment ON deployment_runs (deployment_id, stage);
-- Who serves a deployment, or works for a pool (the deployment is "" then).
CREATE TABLE IF NOT EXISTS deployment_servers (
    process TEXT NOT NULL,
    deployment_id TEXT NOT NULL,
    pool TEXT,
    name TEXT NOT NULL,
    slots BIGINT,
    started BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    PRIMARY KEY (process, deployment_id)
);
CREATE TABLE IF NOT EXISTS work_pools (
    name TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    description TEXT,
    slots BIGINT,
    paused INTEGER NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
