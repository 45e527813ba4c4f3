-- The tables of a registry in PostgreSQL, format 1. docs/spec/registry.md says what the columns hold.
-- Every record is canonical bytes beside its MAC; names and ids in clear are there to find rows by, and are checked
-- against the records. Nothing refers to anything: that rows belong together is proven when they are read.
-- Text is ordered by its code points; sealed bytes are not compressed, since that gains nothing.

CREATE TABLE strongroom.migrations (
    number integer PRIMARY KEY,
    applied_at timestamp with time zone NOT NULL
);

CREATE TABLE strongroom.store (
    one smallint PRIMARY KEY,
    id bytea NOT NULL
);

CREATE TABLE strongroom.workspaces (
    id bytea PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    record bytea NOT NULL,
    mac bytea NOT NULL
);

CREATE TABLE strongroom.workspace_keys (
    workspace bytea NOT NULL,
    epoch bigint NOT NULL,
    provider text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL,
    canary bytea NOT NULL,
    created_at bigint NOT NULL,  -- microseconds since 1970-01-01 UTC
    PRIMARY KEY (workspace, epoch)
);

CREATE TABLE strongroom.heads (
    workspace bytea NOT NULL,
    name text COLLATE "C" NOT NULL,
    document bytea NOT NULL UNIQUE,
    record bytea NOT NULL,
    mac bytea NOT NULL,
    PRIMARY KEY (workspace, name)
);

CREATE TABLE strongroom.versions (
    document bytea NOT NULL,
    number bigint NOT NULL,
    record bytea NOT NULL,
    mac bytea NOT NULL,
    note bytea NOT NULL,
    public bytea NOT NULL,
    wrap bytea,
    body bytea NOT NULL,
    PRIMARY KEY (document, number)
);
ALTER TABLE strongroom.versions ALTER COLUMN wrap SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE strongroom.trie (
    workspace bytea NOT NULL,
    path text COLLATE "C" NOT NULL,
    node bytea NOT NULL,
    PRIMARY KEY (workspace, path)
);

CREATE TABLE strongroom.audit (
    workspace bytea NOT NULL,
    seq bigint NOT NULL,
    record bytea NOT NULL,
    mac bytea NOT NULL,
    PRIMARY KEY (workspace, seq)
);
