-- name: load
SELECT w.record, w.mac, h.record, h.mac, v.record, v.mac, v.note, v.public, v.wrap, v.body
FROM workspaces w
JOIN heads h ON h.workspace = w.id
LEFT JOIN versions v ON v.document = h.document AND v.number = ?3
WHERE w.id = ?1 AND h.name = ?2;

-- name: store_id
SELECT id FROM store;

-- name: put_store_id
INSERT INTO store (only, id) VALUES (1, ?1);

-- name: workspace
SELECT id, name, record, mac FROM workspaces WHERE name = ?1;

-- name: workspaces
SELECT id, name, record, mac FROM workspaces ORDER BY name;

-- name: put_workspace
INSERT INTO workspaces (id, name, record, mac) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record, mac = excluded.mac;

-- name: keys
SELECT epoch, provider, fingerprint, wrapped, canary, created_at FROM workspace_keys WHERE workspace = ?1 ORDER BY epoch;

-- name: put_key
INSERT OR REPLACE INTO workspace_keys (workspace, epoch, provider, fingerprint, wrapped, canary, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: head
SELECT name, document, record, mac FROM heads WHERE workspace = ?1 AND name = ?2;

-- name: heads
SELECT name, document, record, mac FROM heads WHERE workspace = ?1 ORDER BY name;

-- name: put_head
INSERT INTO heads (workspace, name, document, record, mac) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (workspace, name) DO UPDATE SET record = excluded.record, mac = excluded.mac;

-- name: version
SELECT number, record, mac, note, public, wrap, body FROM versions WHERE document = ?1 AND number = ?2;

-- name: outline
SELECT number, record, mac, note, public, wrap, length(body) > 0 FROM versions WHERE document = ?1 AND number = ?2;

-- name: versions
SELECT number, record, mac, note, public, wrap, length(body) > 0 FROM versions WHERE document = ?1 ORDER BY number DESC;

-- name: put_version
INSERT INTO versions (document, number, record, mac, note, public, wrap, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (document, number) DO UPDATE SET
    record = excluded.record, mac = excluded.mac, note = excluded.note,
    public = excluded.public, wrap = excluded.wrap, body = excluded.body;

-- name: node
SELECT node FROM trie WHERE workspace = ?1 AND path = ?2;

-- name: put_node
INSERT INTO trie (workspace, path, node) VALUES (?1, ?2, ?3)
ON CONFLICT (workspace, path) DO UPDATE SET node = excluded.node;

-- name: audit
SELECT seq, record, mac FROM audit WHERE workspace = ?1 ORDER BY seq;

-- name: audit_newest_first
SELECT seq, record, mac FROM audit WHERE workspace = ?1 ORDER BY seq DESC;

-- name: append_audit
INSERT INTO audit (workspace, seq, record, mac) VALUES (?1, ?2, ?3, ?4);
