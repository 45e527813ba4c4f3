-- The tables of a registry in SQLite, format 1: those that a file has to have before it is brought to format 2.
-- Every record is canonical bytes beside its MAC; names and ids in clear are there to find rows by, and are checked
-- against the records. Rows are too wide for tables without a rowid: these would hold few to a page, and be deep.

CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;

CREATE TABLE workspaces (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspace_keys (
    workspace BLOB NOT NULL REFERENCES workspaces,
    epoch INTEGER NOT NULL,
    provider TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    canary BLOB NOT NULL,
    created_at INTEGER NOT NULL,  -- microseconds since 1970-01-01 UTC
    PRIMARY KEY (workspace, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
    workspace BLOB NOT NULL REFERENCES workspaces,
    name TEXT NOT NULL,
    document BLOB NOT NULL UNIQUE CHECK (length(document) = 16),
    record BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (workspace, name)
) STRICT;

CREATE TABLE versions (
    document BLOB NOT NULL REFERENCES heads (document),
    number INTEGER NOT NULL,
    record BLOB NOT NULL,
    mac BLOB NOT NULL,
    note BLOB NOT NULL,
    public BLOB NOT NULL,
    wrap BLOB,
    body BLOB NOT NULL,
    PRIMARY KEY (document, number)
) STRICT;

CREATE TABLE trie (
    workspace BLOB NOT NULL REFERENCES workspaces,
    path TEXT NOT NULL,
    node BLOB NOT NULL,
    PRIMARY KEY (workspace, path)
) STRICT;

CREATE TABLE audit (
    workspace BLOB NOT NULL REFERENCES workspaces,
    seq INTEGER NOT NULL,
    record BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (workspace, seq)
) STRICT;
