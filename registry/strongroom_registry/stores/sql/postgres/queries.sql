-- name: load
SELECT w.record, w.mac, h.record, h.mac, v.record, v.mac, v.note, v.public, v.wrap, v.body
FROM strongroom.workspaces w
JOIN strongroom.heads h ON h.workspace = w.id
LEFT JOIN strongroom.versions v ON v.document = h.document AND v.number = %s
WHERE w.id = %s AND h.name = %s;

-- name: load_all
SELECT wanted.name, wanted.number, w.record, w.mac, h.record, h.mac, v.record, v.mac, v.note, v.public, v.wrap, v.body
FROM unnest(%s::text[], %s::bigint[]) AS wanted (name, number)
JOIN strongroom.workspaces w ON w.id = %s
JOIN strongroom.heads h ON h.workspace = w.id AND h.name = wanted.name
LEFT JOIN strongroom.versions v ON v.document = h.document AND v.number = wanted.number;

-- name: expected
-- Nodes are looked up one by one: joined, a planner without statistics goes through all that a workspace has.
SELECT w.id, w.name, w.record, w.mac, h.name, h.document, h.record, h.mac, h.path,
    v.number, v.record, v.mac, v.note, v.public, v.wrap, octet_length(v.body) > 0, CASE WHEN %s THEN v.body END,
    ARRAY(
        SELECT (SELECT node FROM strongroom.trie WHERE workspace = %s AND path = wanted.path)
        FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (path, place) ORDER BY wanted.place)
FROM (SELECT 1) AS one
LEFT JOIN strongroom.workspaces w ON w.name = %s
LEFT JOIN strongroom.heads h ON h.workspace = %s AND h.name = %s
LEFT JOIN LATERAL (
    SELECT * FROM strongroom.versions WHERE document = h.document AND number <= %s ORDER BY number DESC LIMIT 1
) v ON true;

-- name: store_id
SELECT id FROM strongroom.store WHERE one = 1;

-- name: put_store_id
INSERT INTO strongroom.store (one, id) VALUES (1, %s);

-- name: workspace
SELECT id, name, record, mac FROM strongroom.workspaces WHERE name = %s;

-- name: state
SELECT record, mac FROM strongroom.workspaces WHERE id = %s;

-- name: workspaces
SELECT id, name, record, mac FROM strongroom.workspaces ORDER BY name;

-- name: put_workspace
INSERT INTO strongroom.workspaces (id, name, record, mac) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record, mac = excluded.mac;

-- name: tell
SELECT pg_catalog.pg_notify('strongroom', %s);

-- name: keys
SELECT epoch, provider, fingerprint, wrapped, canary, created_at FROM strongroom.workspace_keys WHERE workspace = %s
ORDER BY epoch, fingerprint;

-- name: put_key
INSERT INTO strongroom.workspace_keys (workspace, epoch, provider, fingerprint, wrapped, canary, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (workspace, epoch, fingerprint) DO UPDATE SET
    provider = excluded.provider, wrapped = excluded.wrapped, canary = excluded.canary, created_at = excluded.created_at;

-- name: remove_key
DELETE FROM strongroom.workspace_keys WHERE workspace = %s AND epoch = %s AND fingerprint = %s;

-- name: head
SELECT name, document, record, mac, path FROM strongroom.heads WHERE workspace = %s AND name = %s;

-- name: heads
SELECT name, document, record, mac, path FROM strongroom.heads WHERE workspace = %s AND name >= %s
ORDER BY name LIMIT %s;

-- name: heads_by_path
SELECT name, document, record, mac, path FROM strongroom.heads
WHERE workspace = %s AND path >= %s AND (path > %s OR %s = '') AND substring(record FROM 1 FOR 4) < %s
ORDER BY path LIMIT %s;

-- name: versions_before
SELECT h.name, h.document, h.record, h.mac, h.path,
    v.number, v.record, v.mac, v.note, v.public, v.wrap, octet_length(v.body) > 0
FROM strongroom.heads h JOIN strongroom.versions v ON v.document = h.document
WHERE h.workspace = %s AND h.path >= %s AND (h.path, v.number) > (%s, %s) AND substring(v.record FROM 1 FOR 4) < %s
ORDER BY h.path, v.number LIMIT %s;

-- name: backlog
SELECT
    (SELECT count(*) FROM strongroom.heads WHERE workspace = %s AND substring(record FROM 1 FOR 4) < %s),
    (SELECT count(*) FROM strongroom.heads h JOIN strongroom.versions v ON v.document = h.document
     WHERE h.workspace = %s AND substring(v.record FROM 1 FOR 4) < %s);

-- name: search
WITH found AS MATERIALIZED (
    SELECT DISTINCT document FROM strongroom.versions WHERE position(%s IN public) > 0
)
SELECT name, document, record, mac, path FROM strongroom.heads JOIN found USING (document)
WHERE workspace = %s AND name >= %s ORDER BY name LIMIT %s;

-- name: put_head
INSERT INTO strongroom.heads (workspace, name, document, record, mac, path) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (workspace, name) DO UPDATE SET record = excluded.record, mac = excluded.mac;

-- name: put_heads
INSERT INTO strongroom.heads (workspace, name, document, record, mac, path)
SELECT %s, * FROM unnest(%s::text[], %b::bytea[], %b::bytea[], %b::bytea[], %s::text[])
ON CONFLICT (workspace, name) DO UPDATE SET record = excluded.record, mac = excluded.mac;

-- name: version
SELECT number, record, mac, note, public, wrap, body FROM strongroom.versions WHERE document = %s AND number = %s;

-- name: outlines
SELECT v.number, v.record, v.mac, v.note, v.public, v.wrap, octet_length(v.body) > 0
FROM unnest(%b::bytea[], %s::bigint[]) WITH ORDINALITY AS wanted (document, number, place)
LEFT JOIN strongroom.versions v ON v.document = wanted.document AND v.number = wanted.number
ORDER BY wanted.place;

-- name: versions
SELECT number, record, mac, note, public, wrap, octet_length(body) > 0 FROM strongroom.versions
WHERE document = %s AND number <= %s ORDER BY number DESC LIMIT %s;

-- name: put_version
INSERT INTO strongroom.versions (document, number, record, mac, note, public, wrap, body)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (document, number) DO UPDATE SET
    record = excluded.record, mac = excluded.mac, note = excluded.note,
    public = excluded.public, wrap = excluded.wrap, body = excluded.body;

-- name: put_wraps
UPDATE strongroom.versions v SET record = w.record, mac = w.mac, wrap = w.wrap
FROM unnest(%b::bytea[], %s::bigint[], %b::bytea[], %b::bytea[], %b::bytea[])
    AS w (document, number, record, mac, wrap)
WHERE v.document = w.document AND v.number = w.number;

-- name: uses
SELECT used, "user", number FROM strongroom.uses WHERE workspace = %s AND used = %s ORDER BY "user", number;

-- name: all_uses
SELECT used, "user", number FROM strongroom.uses WHERE workspace = %s AND (used, "user", number) > (%s, %s, %s)
ORDER BY used, "user", number LIMIT %s;

-- name: put_uses
INSERT INTO strongroom.uses (workspace, used, "user", number)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING;

-- name: remove_uses
DELETE FROM strongroom.uses WHERE workspace = %s AND "user" = %s AND number = %s;

-- name: remove_versions
DELETE FROM strongroom.versions WHERE document IN (SELECT document FROM strongroom.heads WHERE workspace = %s);

-- name: nodes
SELECT (SELECT node FROM strongroom.trie WHERE workspace = %s AND path = wanted.path)
FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (path, place) ORDER BY wanted.place;

-- name: put_nodes
INSERT INTO strongroom.trie (workspace, path, node) SELECT %s, * FROM unnest(%s::text[], %b::bytea[])
ON CONFLICT (workspace, path) DO UPDATE SET node = excluded.node;

-- name: audit
SELECT seq, record, mac FROM strongroom.audit WHERE workspace = %s AND seq >= %s ORDER BY seq LIMIT %s;

-- name: audit_newest_first
SELECT seq, record, mac FROM strongroom.audit WHERE workspace = %s AND seq <= %s ORDER BY seq DESC LIMIT %s;

-- name: append_audit
INSERT INTO strongroom.audit (workspace, seq, record, mac) VALUES (%s, %s, %s, %s);

-- name: renew
WITH renewed AS (
    UPDATE strongroom.workspaces SET record = %s, mac = %s WHERE id = %s AND record = %s AND mac = %s RETURNING id
), written AS (
    INSERT INTO strongroom.audit (workspace, seq, record, mac)
    SELECT renewed.id, entry.* FROM renewed, unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS entry
)
SELECT id FROM renewed;

-- name: append_audits
INSERT INTO strongroom.audit (workspace, seq, record, mac)
SELECT %s, * FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]);
