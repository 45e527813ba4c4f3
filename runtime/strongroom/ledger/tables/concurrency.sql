-- Limits: how many slots a name has. What rate_limit took and has not decayed yet is "spent" as of "settled".
CREATE TABLE IF NOT EXISTS concurrency_limits (
    name TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    slots BIGINT NOT NULL,
    active INTEGER NOT NULL,
    decay DOUBLE PRECISION NOT NULL,
    spent DOUBLE PRECISION NOT NULL,
    settled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
-- Leases: who has how many slots of a limit, and until when. One lease may have slots of several limits.
CREATE TABLE IF NOT EXISTS concurrency_leases (
    name TEXT NOT NULL,
    lease TEXT NOT NULL,
    slots BIGINT NOT NULL,
    holder TEXT NOT NULL,
    process TEXT NOT NULL,
    taken BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (name, lease)
);
CREATE INDEX IF NOT EXISTS concurrency_leases_by_lease ON concurrency_leases (lease);
