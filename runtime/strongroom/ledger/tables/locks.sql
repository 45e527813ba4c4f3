-- Locks of transactions and cached results: one row each while somebody holds it.
CREATE TABLE IF NOT EXISTS locks (
    key TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    process TEXT NOT NULL,    -- pid@host@start: where it died, the lock is free
    expires BIGINT NOT NULL,  -- of a lock that is renewed, soon
    until BIGINT              -- what hold_timeout said; NULL for no end
);
