-- Variables: named values that runs share. The value is JSON, the tags a JSON list.
CREATE TABLE IF NOT EXISTS variables (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    tags TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
