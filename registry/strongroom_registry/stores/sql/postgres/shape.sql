-- What the tables of these names are, one line each, in words that no version of PostgreSQL puts differently.

WITH ours AS (
    SELECT c.* FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'strongroom' AND c.relname = ANY(%s) AND c.relkind NOT IN ('i', 'S')
), lines (line) AS (
    SELECT concat('table ', relname)
        || CASE WHEN relkind <> 'r' THEN concat(' of kind ', relkind) ELSE '' END
        || CASE WHEN relpersistence <> 'p' THEN ' unlogged' ELSE '' END
        || CASE WHEN relispartition OR EXISTS (
            SELECT 1 FROM pg_catalog.pg_inherits i WHERE ours.oid IN (i.inhrelid, i.inhparent)
        ) THEN ' inherited' ELSE '' END
        || CASE WHEN relrowsecurity THEN ' with policies' ELSE '' END
    FROM ours
    UNION ALL
    SELECT concat('column ', c.relname, '.', a.attname, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod))
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
        || CASE WHEN l.collname IS NULL THEN '' ELSE concat(' collate ', l.collname) END
        || CASE WHEN a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' THEN ' with a default' ELSE '' END
    FROM ours c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    UNION ALL
    SELECT concat('index on ', c.relname, ' (', (
            SELECT string_agg(coalesce(a.attname, 'expression'), ', ' ORDER BY k.place)
            FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
            LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        ), ')')
        || CASE WHEN i.indisprimary THEN ' primary' WHEN i.indisunique THEN ' unique' ELSE '' END
        || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END
        || CASE WHEN i.indisvalid AND i.indislive THEN '' ELSE ' invalid' END
        || CASE WHEN m.amname = 'btree' THEN '' ELSE concat(' by ', m.amname) END
    FROM ours c
    JOIN pg_catalog.pg_index i ON i.indrelid = c.oid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = x.relam
    UNION ALL
    SELECT concat('constraint ', o.conname, ' on ', c.relname)
    FROM ours c JOIN pg_catalog.pg_constraint o ON o.conrelid = c.oid AND o.contype NOT IN ('p', 'u', 'n')
    UNION ALL
    SELECT concat('trigger ', t.tgname, ' on ', c.relname)
    FROM ours c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT concat('rule ', r.rulename, ' on ', c.relname)
    FROM ours c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid
)
SELECT line FROM lines ORDER BY line COLLATE "C"
