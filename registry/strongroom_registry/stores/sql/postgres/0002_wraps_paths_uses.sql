-- Format 2 holds several wraps of one workspace key, finds heads by their path in the trie, and knows who uses whom.

ALTER TABLE strongroom.workspace_keys
    DROP CONSTRAINT workspace_keys_pkey,
    ADD PRIMARY KEY (workspace, epoch, fingerprint);

ALTER TABLE strongroom.heads ADD COLUMN path text COLLATE "C";
UPDATE strongroom.heads
SET path = pg_catalog.encode(
    pg_catalog.sha256(pg_catalog.convert_to('strongroom/v1/trie-path' || name, 'UTF8')), 'hex');
ALTER TABLE strongroom.heads ALTER COLUMN path SET NOT NULL, ADD UNIQUE (workspace, path);

CREATE TABLE strongroom.uses (
    workspace bytea NOT NULL,
    used text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (workspace, used, "user", number)
);
CREATE INDEX uses_by_user ON strongroom.uses (workspace, "user", number);
