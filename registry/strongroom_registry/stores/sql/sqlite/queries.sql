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

-- name: state
SELECT record, mac FROM workspaces WHERE id = ?1;

-- name: renew_workspace
UPDATE workspaces SET record = ?1, mac = ?2 WHERE id = ?3 AND record = ?4 AND mac = ?5;

-- name: put_workspace
INSERT INTO workspaces (id, name, record, mac) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record, mac = excluded.mac;

-- name: keys
SELECT epoch, provider, fingerprint, wrapped, canary, created_at FROM workspace_keys WHERE workspace = ?1
ORDER BY epoch, fingerprint;

-- name: put_key
INSERT OR REPLACE INTO workspace_keys (workspace, epoch, provider, fingerprint, wrapped, canary, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: remove_key
DELETE FROM workspace_keys WHERE workspace = ?1 AND epoch = ?2 AND fingerprint = ?3;

-- name: head
SELECT name, document, record, mac, path FROM heads WHERE workspace = ?1 AND name = ?2;

-- name: heads
SELECT name, document, record, mac, path FROM heads WHERE workspace = ?1 ORDER BY name;

-- name: heads_by_path
SELECT name, document, record, mac, path FROM heads
WHERE workspace = ?1 AND path >= ?2 AND (path > ?2 OR ?2 = '') AND substr(record, 1, 4) < ?3 ORDER BY path LIMIT ?4;

-- name: versions_before
SELECT h.name, h.document, h.record, h.mac, h.path,
    v.number, v.record, v.mac, v.note, v.public, v.wrap, length(v.body) > 0
FROM heads h CROSS JOIN versions v ON v.document = h.document
WHERE h.workspace = ?1 AND h.path >= ?2 AND (h.path > ?2 OR v.number > ?3) AND substr(v.record, 1, 4) < ?4
ORDER BY h.path, v.number LIMIT ?5;

-- name: backlog
SELECT
    (SELECT count(*) FROM heads WHERE workspace = ?1 AND substr(record, 1, 4) < ?2),
    (SELECT count(*) FROM heads h CROSS JOIN versions v ON v.document = h.document
     WHERE h.workspace = ?1 AND substr(v.record, 1, 4) < ?2);

-- name: search
SELECT name, document, record, mac, path FROM heads h WHERE workspace = ?1
AND EXISTS (SELECT 1 FROM versions v WHERE v.document = h.document AND instr(v.public, ?2) > 0) ORDER BY name;

-- name: change_head
UPDATE heads SET record = ?1, mac = ?2 WHERE workspace = ?3 AND name = ?4;

-- name: put_head
INSERT INTO heads (workspace, name, document, record, mac, path) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
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

-- name: put_wrap
UPDATE versions SET record = ?3, mac = ?4, wrap = ?5 WHERE document = ?1 AND number = ?2;

-- name: uses
SELECT used, user, number FROM uses WHERE workspace = ?1 AND used = ?2 ORDER BY user, number;

-- name: all_uses
SELECT used, user, number FROM uses WHERE workspace = ?1 ORDER BY used, user, number;

-- name: put_use
INSERT OR IGNORE INTO uses (workspace, used, user, number) VALUES (?1, ?2, ?3, ?4);

-- name: remove_uses
DELETE FROM uses WHERE workspace = ?1 AND user = ?2 AND number = ?3;

-- name: remove_versions
DELETE FROM versions WHERE document IN (SELECT document FROM heads WHERE workspace = ?1);

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
