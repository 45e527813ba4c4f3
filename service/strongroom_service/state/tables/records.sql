-- What changes often or expires, sealed: tokens, leases, wraps. Id, parent and expiry are bound to the sealed bytes.
CREATE TABLE IF NOT EXISTS service_records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    expires BIGINT,
    sealed BLOB NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS service_records_by_parent ON service_records (kind, parent, id);
CREATE INDEX IF NOT EXISTS service_records_by_expiry ON service_records (kind, expires);
