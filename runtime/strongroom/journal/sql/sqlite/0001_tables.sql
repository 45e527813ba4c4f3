-- Run history. Times are seconds since 1970 in UTC, ids the 16 bytes of a UUID.
-- What holds a result or parameters is sealed (see strongroom.sealed_records), all other columns are in clear.

CREATE TABLE flow_runs (
    id                 BLOB PRIMARY KEY,
    name               TEXT NOT NULL,
    flow_name          TEXT NOT NULL,
    flow_version       TEXT,
    parameters         BLOB,
    parameters_shown   TEXT NOT NULL,
    parent_flow_run_id BLOB,
    parent_task_run_id BLOB,
    dynamic_key        TEXT NOT NULL,
    tags               TEXT NOT NULL,
    state_type         TEXT NOT NULL,
    state_name         TEXT NOT NULL,
    state_message      TEXT,
    state_time         REAL NOT NULL,
    history            TEXT NOT NULL,
    run_count          INTEGER NOT NULL,
    created            REAL NOT NULL,
    start_time         REAL,
    end_time           REAL,
    entrypoint         TEXT,
    source_hash        BLOB,
    pid                INTEGER NOT NULL,
    host               TEXT NOT NULL,
    heartbeat          REAL,
    result_inline      BLOB,
    result_key         TEXT,
    result_storage     TEXT,
    result_serializer  TEXT,
    result_size        INTEGER,
    result_expires     REAL,
    blocks             TEXT NOT NULL
);
CREATE INDEX flow_runs_by_time ON flow_runs (created);
CREATE INDEX flow_runs_by_parent ON flow_runs (parent_flow_run_id) WHERE parent_flow_run_id IS NOT NULL;

CREATE TABLE task_runs (
    id                 BLOB PRIMARY KEY,
    name               TEXT NOT NULL,
    task_name          TEXT NOT NULL,
    task_key           TEXT NOT NULL,
    dynamic_key        TEXT NOT NULL,
    flow_run_id        BLOB,
    parent_id          BLOB,
    state_type         TEXT NOT NULL,
    state_name         TEXT NOT NULL,
    state_message      TEXT,
    state_time         REAL NOT NULL,
    history            TEXT NOT NULL,
    run_count          INTEGER NOT NULL,
    tags               TEXT NOT NULL,
    created            REAL NOT NULL,
    start_time         REAL,
    end_time           REAL,
    inputs_fingerprint BLOB,
    upstream           BLOB NOT NULL,
    cache_key          TEXT,
    kind               TEXT NOT NULL,
    result_inline      BLOB,
    result_key         TEXT,
    result_storage     TEXT,
    result_serializer  TEXT,
    result_size        INTEGER,
    result_expires     REAL
);
CREATE INDEX task_runs_by_flow_run ON task_runs (flow_run_id);

CREATE TABLE lines (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    flow_run_id BLOB,
    task_run_id BLOB,
    time        REAL NOT NULL,
    level       INTEGER NOT NULL,
    logger      TEXT NOT NULL,
    message     TEXT NOT NULL
);
CREATE INDEX lines_by_flow_run ON lines (flow_run_id);
