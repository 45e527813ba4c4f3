-- Run history. Times are seconds since 1970 in UTC, ids the 16 bytes of a UUID; heartbeats are the server's own clock.
-- What holds a result or parameters is sealed (see strongroom.sealed_records), all other columns are in clear.

CREATE TABLE flow_runs (
    id                 BYTEA PRIMARY KEY,
    number             BIGINT GENERATED ALWAYS AS IDENTITY,
    name               TEXT NOT NULL,
    flow_name          TEXT NOT NULL,
    flow_version       TEXT,
    parameters         BYTEA,
    parameters_shown   TEXT NOT NULL,
    parent_flow_run_id BYTEA,
    parent_task_run_id BYTEA,
    dynamic_key        TEXT NOT NULL,
    tags               TEXT NOT NULL,
    state_type         TEXT NOT NULL,
    state_name         TEXT NOT NULL,
    state_message      TEXT,
    state_time         DOUBLE PRECISION NOT NULL,
    history            TEXT NOT NULL,
    run_count          BIGINT NOT NULL,
    created            DOUBLE PRECISION NOT NULL,
    start_time         DOUBLE PRECISION,
    end_time           DOUBLE PRECISION,
    entrypoint         TEXT,
    source_hash        BYTEA,
    pid                BIGINT NOT NULL,
    host               TEXT NOT NULL,
    heartbeat          DOUBLE PRECISION,
    result_inline      BYTEA,
    result_key         TEXT,
    result_storage     TEXT,
    result_serializer  TEXT,
    result_size        BIGINT,
    result_expires     DOUBLE PRECISION,
    blocks             TEXT NOT NULL,
    expected_start     DOUBLE PRECISION,
    deployment         TEXT NOT NULL,
    replay_of          BYTEA,
    idempotency_key    TEXT NOT NULL,
    process            TEXT NOT NULL,
    pins               TEXT NOT NULL
);
CREATE INDEX flow_runs_by_time ON flow_runs (created);
CREATE INDEX flow_runs_by_parent ON flow_runs (parent_flow_run_id) WHERE parent_flow_run_id IS NOT NULL;

CREATE TABLE task_runs (
    id                 BYTEA PRIMARY KEY,
    number             BIGINT GENERATED ALWAYS AS IDENTITY,
    name               TEXT NOT NULL,
    task_name          TEXT NOT NULL,
    task_key           TEXT NOT NULL,
    dynamic_key        TEXT NOT NULL,
    flow_run_id        BYTEA,
    parent_id          BYTEA,
    state_type         TEXT NOT NULL,
    state_name         TEXT NOT NULL,
    state_message      TEXT,
    state_time         DOUBLE PRECISION NOT NULL,
    history            TEXT NOT NULL,
    run_count          BIGINT NOT NULL,
    tags               TEXT NOT NULL,
    created            DOUBLE PRECISION NOT NULL,
    start_time         DOUBLE PRECISION,
    end_time           DOUBLE PRECISION,
    inputs_fingerprint BYTEA,
    upstream           BYTEA NOT NULL,
    cache_key          TEXT,
    kind               TEXT NOT NULL,
    result_inline      BYTEA,
    result_key         TEXT,
    result_storage     TEXT,
    result_serializer  TEXT,
    result_size        BIGINT,
    result_expires     DOUBLE PRECISION,
    explanation        TEXT NOT NULL,
    worker             TEXT NOT NULL
);
CREATE INDEX task_runs_by_flow_run ON task_runs (flow_run_id);

CREATE TABLE lines (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow_run_id BYTEA,
    task_run_id BYTEA,
    time        DOUBLE PRECISION NOT NULL,
    level       BIGINT NOT NULL,
    logger      TEXT NOT NULL,
    message     TEXT NOT NULL
);
CREATE INDEX lines_by_flow_run ON lines (flow_run_id, id);
