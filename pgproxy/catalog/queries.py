"""The one statement that reads the catalog. Text only; `catalog.decoding` reads its answer.

It runs inside a client's own session and transaction, so that what the transaction itself created or changed counts,
under whatever search_path the client has: every name and every operator is qualified. Any role may run it; it reads
only what PostgreSQL shows to everybody. Source: the PostgreSQL manual, "System Catalogs".
"""

from __future__ import annotations

import re
from typing import Final

from pgproxy.catalog.versions import (
    FUNCTION_VERSION,
    JIT_AS_BEFORE,
    RELATION_VERSION,
    TRANSACTION,
    TYPE_VERSION,
    qualified,
)

_NAMED_IN_SOURCE: Final = """
(SELECT pg_catalog.json_agg(m.oid::pg_catalog.int8) FROM pg_catalog.pg_class AS m WHERE MENTIONED_RELATION),
(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
    m.name, o.oid::pg_catalog.int8, o.proname, g.lanname, o.prosecdef, pg_catalog.to_json(o.proconfig),
    CASE WHEN g.lanname = 'c' THEN o.probin WHEN g.lanname = 'internal' THEN o.prosrc END,
    -- Whether a call of it has a value of a type that users made; an operator's operands may be literals.
    o.prorettype >= 16384 OR (m.name <> '' AND pg_catalog.array_cat(
      o.proargtypes::pg_catalog.oid[], o.proallargtypes)::pg_catalog.text OPERATOR(pg_catalog.~) '[0-9]{5}')))
  FROM MENTIONED_FUNCTIONS AS m(oid, name)
  JOIN pg_catalog.pg_proc AS o ON o.oid = m.oid
  JOIN pg_catalog.pg_language AS g ON g.oid = o.prolang)"""
"""What the source of the function `p` names: relations, and functions of users (`model.Source`)."""

_QUERY: Final = """
WITH RECURSIVE
-- The limits change no row: they tell the planner that little comes, since a plan that looks costly is compiled (JIT).
-- Inheritance in both directions, tables that a change here cascades to, and what stored views are made from.
family(oid, in_definition) AS (
  -- Of the second array: what the code of functions names. A view with triggers stays in the tree as it is.
  (SELECT s.oid, pg_catalog.array_position($1::pg_catalog.oid[], s.oid) IS NULL OR EXISTS (
     SELECT FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
     WHERE t.tgrelid = s.oid AND c.relkind = 'v')
   FROM pg_catalog.unnest($1::pg_catalog.oid[] || ARRAY(
     SELECT m.oid
     FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS u(oid)
     JOIN pg_catalog.pg_proc AS p ON p.oid = u.oid
     JOIN pg_catalog.pg_class AS m ON MENTIONED_RELATION)) AS s(oid)
   LIMIT (SELECT 2147483647))
  UNION
  SELECT n.oid, n.in_definition
  FROM family AS f
  CROSS JOIN LATERAL (
    SELECT i.inhparent, f.in_definition FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = f.oid
    UNION ALL
    SELECT i.inhrelid, f.in_definition FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = f.oid
    UNION ALL
    SELECT k.conrelid, f.in_definition
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_constraint AS k ON k.oid = t.tgconstraint
    WHERE t.tgrelid = f.oid AND k.confrelid = f.oid AND k.contype = 'f'
      AND (k.confdeltype = 'c' OR k.confdeltype = 'n' OR k.confdeltype = 'd'
        OR k.confupdtype = 'c' OR k.confupdtype = 'n' OR k.confupdtype = 'd')
    UNION ALL
    SELECT d.refobjid, true
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> c.oid
    WHERE c.oid = f.oid AND (c.relkind = 'm' OR (f.in_definition AND c.relkind = 'v'))
    UNION ALL
    SELECT m.oid, true
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_catalog.pg_class AS m ON MENTIONED_RELATION
    WHERE t.tgrelid = f.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  ) AS n(oid, in_definition)
),
neighbours(oid) AS (
  (SELECT t.tgconstrrelid
   FROM family AS f
   JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = f.oid
   WHERE t.tgconstrrelid <> 0
   LIMIT (SELECT 2147483647))
  UNION
  SELECT u.oid
  FROM neighbours AS n
  CROSS JOIN LATERAL (
    SELECT i.inhparent FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = n.oid
    UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = n.oid
  ) AS u(oid)
),
relations(oid) AS (
  SELECT u.oid
  FROM pg_catalog.unnest(ARRAY(SELECT f.oid FROM family AS f UNION SELECT n.oid FROM neighbours AS n)) AS u(oid)
),
-- Functions that are not built in and run by themselves when a row is written. A default is in the tree when it runs.
write_functions(relation, oid) AS (
  SELECT DISTINCT o.relation, COALESCE(p.oprcode::pg_catalog.oid, d.refobjid)
  FROM (
    SELECT k.conrelid AS relation, 'pg_catalog.pg_constraint'::pg_catalog.regclass AS class, k.oid
    FROM relations AS r JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid
    WHERE k.contype = 'c' OR k.contype = 'x'
    UNION ALL
    SELECT x.adrelid, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, x.oid
    FROM relations AS r
    JOIN pg_catalog.pg_attrdef AS x ON x.adrelid = r.oid
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = x.adnum
    WHERE a.attgenerated <> ''
    UNION ALL
    SELECT i.indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
    FROM relations AS r JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
  ) AS o
  JOIN pg_catalog.pg_depend AS d ON d.classid = o.class AND d.objid = o.oid AND d.refobjid >= 16384
  LEFT JOIN pg_catalog.pg_operator AS p
    ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND p.oid = d.refobjid
  WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR p.oid IS NOT NULL
),
type_seeds(oids) AS (
  SELECT ARRAY(
    SELECT a.atttypid FROM relations AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT u.oid FROM pg_catalog.unnest($4::pg_catalog.oid[]) AS u(oid)
  )
),
type_family(oid) AS (
  (SELECT u.oid FROM type_seeds AS s CROSS JOIN LATERAL pg_catalog.unnest(s.oids) AS u(oid)
   LIMIT (SELECT pg_catalog.cardinality(s.oids) FROM type_seeds AS s))
  UNION
  SELECT n.oid
  FROM type_family AS t
  JOIN pg_catalog.pg_type AS y ON y.oid = t.oid
  CROSS JOIN LATERAL (
    SELECT e.oid FROM (VALUES (y.typelem), (y.typbasetype)) AS e(oid) WHERE e.oid <> 0
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT g.rngsubtype FROM pg_catalog.pg_range AS g WHERE g.rngtypid = y.oid
    UNION ALL
    SELECT g.rngtypid FROM pg_catalog.pg_range AS g WHERE g.rngmultitypid = y.oid
  ) AS n(oid)
),
types(oid) AS (
  SELECT u.oid FROM pg_catalog.unnest(ARRAY(SELECT t.oid FROM type_family AS t)) AS u(oid)
),
named_functions(oid) AS (
  SELECT u.oid FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS u(oid)
  UNION
  SELECT p.oprcode::pg_catalog.oid
  FROM pg_catalog.unnest($3::pg_catalog.oid[]) AS u(oid) JOIN pg_catalog.pg_operator AS p ON p.oid = u.oid
  UNION
  SELECT w.oid FROM write_functions AS w
  UNION
  SELECT t.tgfoid FROM relations AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
),
calls(caller, oid) AS (
  SELECT g.aggfnoid::pg_catalog.oid, c.oid
  FROM named_functions AS f
  JOIN pg_catalog.pg_aggregate AS g ON g.aggfnoid::pg_catalog.oid = f.oid
  LEFT JOIN pg_catalog.pg_operator AS p ON p.oid = g.aggsortop
  CROSS JOIN LATERAL (
    VALUES (g.aggtransfn::pg_catalog.oid), (g.aggfinalfn::pg_catalog.oid), (g.aggcombinefn::pg_catalog.oid),
      (g.aggserialfn::pg_catalog.oid), (g.aggdeserialfn::pg_catalog.oid), (g.aggmtransfn::pg_catalog.oid),
      (g.aggminvtransfn::pg_catalog.oid), (g.aggmfinalfn::pg_catalog.oid), (p.oprcode::pg_catalog.oid)
  ) AS c(oid)
  WHERE c.oid <> 0
  UNION ALL
  SELECT f.oid, m.part[1]::pg_catalog.oid
  FROM named_functions AS f
  JOIN pg_catalog.pg_proc AS p ON p.oid = f.oid
  CROSS JOIN LATERAL pg_catalog.regexp_matches(
    p.proargdefaults::pg_catalog.text, ':(?:op)?funcid ([0-9]+)', 'g') AS m(part)
  WHERE p.proargdefaults IS NOT NULL
  UNION ALL
  -- LANGUAGE internal: another name for the code of built-in functions. Only a superuser can make one.
  SELECT f.oid, b.oid
  FROM named_functions AS f
  JOIN pg_catalog.pg_proc AS p ON p.oid = f.oid
  JOIN pg_catalog.pg_proc AS b ON b.prosrc = p.prosrc AND b.prolang = p.prolang
  WHERE f.oid >= 16384 AND b.oid < 16384 AND p.prolang = 12 AND p.prokind <> 'a'
),
reached_functions(oid) AS (
  SELECT f.oid FROM named_functions AS f UNION SELECT c.oid FROM calls AS c
),
-- With functions of users' that their code runs, and that theirs runs, as far as that may be harmless.
run_functions(oid, depth) AS (
  SELECT f.oid, 0 FROM reached_functions AS f
  UNION
  SELECT o.oid, r.depth OPERATOR(pg_catalog.+) 1
  FROM run_functions AS r
  JOIN pg_catalog.pg_proc AS p ON p.oid = r.oid
  CROSS JOIN LATERAL MENTIONED_FUNCTIONS AS m(oid, name)
  JOIN pg_catalog.pg_proc AS o ON o.oid = m.oid
  WHERE r.depth < 3 AND IS_READ_BY_NAMES AND o.prolang >= 14 AND o.prokind = 'f'
    AND CASE WHEN m.name IS NULL THEN true WHEN m.name = '' THEN HOLDS_OWN_TYPES
      ELSE pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.concat(m.name, '(')) > 0 END
),
functions(oid) AS (
  SELECT DISTINCT r.oid FROM run_functions AS r
)
SELECT pg_catalog.json_build_object(
  'version', pg_catalog.current_setting('server_version_num'),
  'transaction', pg_catalog.json_build_array(TRANSACTION),
  'relations', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind, c.relpersistence = 't',
      (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
          t.tgtype, t.tgfoid::pg_catalog.int8,
          (SELECT pg_catalog.json_agg(DISTINCT q.part[1]::pg_catalog.int4)
            FROM pg_catalog.regexp_matches(t.tgqual::pg_catalog.text, ':varattno (-?[0-9]+)', 'g') AS q(part)),
          (SELECT pg_catalog.json_agg(DISTINCT q.part[1]::pg_catalog.int8)
            FROM pg_catalog.regexp_matches(
              t.tgqual::pg_catalog.text, ':(?:op)?funcid ([1-9][0-9]*)', 'g') AS q(part)),
          pg_catalog.json_build_array(t.tgoldtable, t.tgnewtable),
          t.tgdeferrable) ORDER BY t.tgname)
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'),
      (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
          a.attnum, a.attname, a.atttypid::pg_catalog.int8, a.attgenerated,
          CASE WHEN a.attgenerated <> '' THEN (
            SELECT pg_catalog.json_agg(sources.attnum)
            FROM (
              SELECT d.refobjsubid FROM pg_catalog.pg_attrdef AS x
              JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                AND d.objid = x.oid
              WHERE x.adrelid = c.oid AND x.adnum = a.attnum
                AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
                AND d.refobjsubid <> a.attnum
              UNION
              SELECT d.refobjsubid FROM pg_catalog.pg_depend AS d
              WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                AND d.objsubid = a.attnum AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                AND d.refobjid = c.oid AND d.refobjsubid <> 0
            ) AS sources(attnum)
          ) END) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      (SELECT pg_catalog.json_agg(i.inhparent::pg_catalog.int8 ORDER BY i.inhseqno)
        FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid),
      (SELECT pg_catalog.json_agg(i.inhrelid::pg_catalog.int8 ORDER BY i.inhrelid)
        FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid),
      (SELECT pg_catalog.json_agg(DISTINCT t.tgconstrrelid::pg_catalog.int8)
        FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgconstrrelid <> 0),
      (SELECT pg_catalog.json_agg(DISTINCT k.conrelid::pg_catalog.int8)
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_constraint AS k ON k.oid = t.tgconstraint
        WHERE t.tgrelid = c.oid AND k.confrelid = c.oid AND k.contype = 'f'
          AND (k.confdeltype = 'c' OR k.confdeltype = 'n' OR k.confdeltype = 'd'
            OR k.confupdtype = 'c' OR k.confupdtype = 'n' OR k.confupdtype = 'd')),
      (SELECT pg_catalog.json_agg(w.oid::pg_catalog.int8) FROM write_functions AS w WHERE w.relation = c.oid),
      CASE WHEN c.relkind = 'm' OR (c.relkind = 'v'
        AND EXISTS (SELECT FROM family AS f WHERE f.oid = c.oid AND f.in_definition)) THEN (
        SELECT w.ev_action::pg_catalog.text FROM pg_catalog.pg_rewrite AS w
        WHERE w.ev_class = c.oid AND w.ev_type = '1') END,
      RELATION_VERSION,
      CASE WHEN c.relkind = 'p' THEN (
        SELECT pg_catalog.json_agg(k.attnum)
        FROM (
          SELECT u.attnum FROM pg_catalog.pg_partitioned_table AS p
          CROSS JOIN LATERAL pg_catalog.unnest(p.partattrs) AS u(attnum) WHERE p.partrelid = c.oid
          -- Columns of a key that is an expression depend on their own table.
          UNION
          SELECT d.objsubid FROM pg_catalog.pg_depend AS d
          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'i'
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid AND d.refobjsubid = 0
        ) AS k(attnum) WHERE k.attnum > 0) END,
      (SELECT pg_catalog.json_agg(g.tested)
        FROM (
          SELECT pg_catalog.json_build_array(CASE WHEN i.indisexclusion THEN 'x' ELSE 'u' END, (
              SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::pg_catalog.int8, t.attnum))
              FROM (
                SELECT u.attnum FROM pg_catalog.unnest(i.indkey) AS u(attnum)
                UNION
                SELECT d.refobjsubid FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
              ) AS t(attnum) WHERE t.attnum > 0))
          FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)
          UNION ALL
          SELECT pg_catalog.json_build_array(k.contype, (
              SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.relation, t.attnum))
              FROM (
                SELECT k.conrelid::pg_catalog.int8, u.attnum FROM pg_catalog.unnest(k.conkey) AS u(attnum)
                UNION ALL
                SELECT k.confrelid::pg_catalog.int8, u.attnum FROM pg_catalog.unnest(k.confkey) AS u(attnum)
              ) AS t(relation, attnum)))
          FROM pg_catalog.pg_constraint AS k
          WHERE k.conrelid = c.oid AND (k.contype = 'f' OR k.contype = 'c')
          UNION ALL
          SELECT pg_catalog.json_build_array(k.contype, (
              SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.relation, t.attnum))
              FROM (
                SELECT k.conrelid::pg_catalog.int8, u.attnum FROM pg_catalog.unnest(k.conkey) AS u(attnum)
                UNION ALL
                SELECT k.confrelid::pg_catalog.int8, u.attnum FROM pg_catalog.unnest(k.confkey) AS u(attnum)
              ) AS t(relation, attnum)))
          -- A foreign key to this relation is found by its triggers here: confrelid has no index.
          FROM (SELECT DISTINCT t.tgconstraint FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid) AS u(oid)
          JOIN pg_catalog.pg_constraint AS k ON k.oid = u.oid
          WHERE k.contype = 'f' AND k.confrelid = c.oid AND k.conrelid <> c.oid
        ) AS g(tested)),
      c.relrowsecurity,
      c.relhasrules AND c.relkind <> 'v' AND c.relkind <> 'm'
    ))
    FROM relations AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace),
  'types', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      y.oid::pg_catalog.int8, n.nspname, y.typname, y.typtype,
      CASE WHEN y.typcategory = 'A' THEN y.typelem::pg_catalog.int8 ELSE 0 END,
      y.typbasetype::pg_catalog.int8, y.typrelid::pg_catalog.int8, y.typdelim,
      CASE WHEN y.typtype = 'e' THEN (
        SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = y.oid) END,
      CASE WHEN y.typtype = 'c' THEN (
          SELECT pg_catalog.json_agg(a.atttypid::pg_catalog.int8 ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute AS a
          WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
        WHEN y.typtype = 'r' THEN (
          SELECT pg_catalog.json_agg(g.rngsubtype::pg_catalog.int8)
          FROM pg_catalog.pg_range AS g WHERE g.rngtypid = y.oid)
        WHEN y.typtype = 'm' THEN (
          SELECT pg_catalog.json_agg(g.rngtypid::pg_catalog.int8)
          FROM pg_catalog.pg_range AS g WHERE g.rngmultitypid = y.oid) END,
      (y.typtype = 'd' AND EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS k
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
          AND d.objid = k.oid AND d.refobjid >= 16384 AND d.refobjid <> y.oid
          -- A column of a composite type runs nothing.
          AND d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass
        WHERE k.contypid = y.oid))
      OR (y.typtype = 'r' AND EXISTS (
        SELECT FROM pg_catalog.pg_range AS g
        WHERE g.rngtypid = y.oid AND (g.rngsubopc >= 16384 OR g.rngcanonical::pg_catalog.oid >= 16384))),
      TYPE_VERSION
    ))
    FROM types AS t
    JOIN pg_catalog.pg_type AS y ON y.oid = t.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = y.typnamespace),
  'functions', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      p.oid::pg_catalog.int8, n.nspname, p.proname, p.prokind, l.lanname, p.prosecdef,
      (SELECT pg_catalog.json_agg(DISTINCT k.oid::pg_catalog.int8) FROM calls AS k WHERE k.caller = p.oid),
      FUNCTION_VERSION,
      p.proisstrict,
      CASE WHEN p.proargmodes IS NULL THEN pg_catalog.json_build_array(p.prorettype::pg_catalog.int8)
        ELSE COALESCE((
          SELECT pg_catalog.json_agg(p.proallargtypes[t.at]::pg_catalog.int8 ORDER BY t.at)
          FROM pg_catalog.generate_subscripts(p.proargmodes, 1) AS t(at)
          WHERE p.proargmodes[t.at] = 'o' OR p.proargmodes[t.at] = 'b' OR p.proargmodes[t.at] = 't'
        ), pg_catalog.json_build_array(p.prorettype::pg_catalog.int8)) END,
      pg_catalog.to_json(p.proconfig),
      CASE WHEN l.lanname = 'c' THEN p.probin WHEN l.lanname = 'internal' THEN p.prosrc END,
      (SELECT pg_catalog.json_build_array(g.aggtranstype::pg_catalog.int8, g.aggmtranstype::pg_catalog.int8)
        FROM pg_catalog.pg_aggregate AS g WHERE g.aggfnoid = p.oid),
      NOT EXISTS (SELECT FROM reached_functions AS c WHERE c.oid = p.oid)
    ))
    FROM functions AS f
    JOIN pg_catalog.pg_proc AS p ON p.oid = f.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang),
  'sources', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      p.oid::pg_catalog.int8, p.prosrc, pg_catalog.concat(
        '(', pg_catalog.pg_get_function_arguments(p.oid), ') RETURNS ', pg_catalog.pg_get_function_result(p.oid)),
      NAMED_IN_SOURCE,
      TAKES_ANY_TYPE,
      -- What its arguments run before it: checks of domains, and defaults other than constants.
      EXISTS (SELECT FROM pg_catalog.pg_type AS y WHERE y.oid = ANY (p.proargtypes) AND y.typtype = 'd')
        OR COALESCE(p.proargdefaults::pg_catalog.text OPERATOR(pg_catalog.~) '[{](?!CONST )', false)))
    FROM functions AS u
    JOIN pg_catalog.pg_proc AS p ON p.oid = u.oid
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE (l.lanname = 'plpgsql' OR l.lanname = 'sql') AND p.prokind = 'f' AND IS_READ_BY_NAMES),
  'operators', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      p.oid::pg_catalog.int8, p.oprcode::pg_catalog.oid::pg_catalog.int8))
    FROM pg_catalog.unnest($3::pg_catalog.oid[]) AS u(oid)
    JOIN pg_catalog.pg_operator AS p ON p.oid = u.oid)
)::pg_catalog.text
"""

_WHOLE: Final = (
    _QUERY.replace("NAMED_IN_SOURCE", _NAMED_IN_SOURCE)
    .replace("RELATION_VERSION", RELATION_VERSION)
    .replace("FUNCTION_VERSION", FUNCTION_VERSION)
    .replace("TYPE_VERSION", TYPE_VERSION)
    .replace("TRANSACTION", TRANSACTION)
)

CATALOG_QUERY: Final = qualified(_WHOLE)
"""
$1 oid[] relations, $2 oid[] functions, $3 oid[] operators, $4 oid[] types, each may be empty. One row, one text: a JSON
document of these objects and of what they depend on (`catalog.decoding`).
"""

SESSION_CATALOG_QUERY: Final = qualified(
    re.sub(r"\$(\d)::pg_catalog\.oid\[\]", r"ARGUMENT(\1)", _WHOLE).replace(
        "'version',", f"'jit', {JIT_AS_BEFORE}, 'version',", 1
    )
)
"""The same with its arguments in the setting (`versions.ARGUMENTS_STATEMENT`): for sessions, which use it again."""

_CODE: Final = """
SELECT pg_catalog.json_build_array(NAMED_IN_SOURCE, pg_catalog.current_setting('search_path'))::pg_catalog.text,
  JIT_AS_BEFORE
FROM (
  SELECT 16384::pg_catalog.oid AS oid, pg_catalog.current_setting('pgproxy.reached') AS prosrc,
    (SELECT l.oid FROM pg_catalog.pg_language AS l WHERE l.lanname = 'plpgsql') AS prolang,
    'void'::pg_catalog.regtype::pg_catalog.oid AS prorettype, ''::pg_catalog.oidvector AS proargtypes,
    NULL::pg_catalog.oid[] AS proallargtypes, NULL::pg_catalog.text AS proargdefaults,
    NULL::pg_catalog.text AS prosqlbody
) AS p
"""

CODE_QUERY: Final = qualified(
    _CODE.replace("NAMED_IN_SOURCE", _NAMED_IN_SOURCE).replace("JIT_AS_BEFORE", JIT_AS_BEFORE)
)
"""What the code of a DO block names, as if it were a function's; the code is the setting that `ARGUMENTS_STATEMENT`
sets. One row; its first column is for `decoding.read_code`."""
