-- Format 2 holds several wraps of one workspace key, finds heads by their path in the trie, and knows who uses whom.
-- The tables of format 2 are made between the two halves.

ALTER TABLE workspace_keys RENAME TO former_keys;

ALTER TABLE heads RENAME TO former_heads;

-- the tables of format 2

INSERT INTO workspace_keys SELECT workspace, epoch, provider, fingerprint, wrapped, canary, created_at FROM former_keys;

INSERT INTO heads SELECT workspace, name, document, record, mac, trie_path(name) FROM former_heads;

DROP TABLE former_keys;

DROP TABLE former_heads;
