"""What a login of the server can reach past the proxy's rules: the question as SQL, and its answer as values.

No I/O here: `catalog.reading` asks it. Any role may ask it of any login. Source: PostgreSQL manual, "Privileges",
"Predefined Roles", "Rules and Privileges", "System Catalogs".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Login:
    """A role and its attributes."""

    name: str
    quoted: str
    """As SQL writes it."""
    exists: bool = True
    is_superuser: bool = False
    bypasses_rls: bool = False
    can_create_roles: bool = False
    can_replicate: bool = False
    predefined: tuple[str, ...] = ()
    """Of the predefined roles that reach past tables' grants, those it is a member of."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A role that the login is, or is a member of (as everybody is of PUBLIC), and that may read a masked column."""

    relation: int
    attnum: int
    role: str
    """As SQL writes it; PUBLIC."""
    is_owner: bool
    """It owns the table: it can grant itself whatever is revoked."""


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure that the login may call and that runs with other rights than the login's."""

    signature: str
    """schema.name(argument types), as SQL writes it."""
    owner: str
    is_untrusted: bool
    """In a language without limits; else SECURITY DEFINER."""
    reaches_masked: bool
    """Its owner may read masked columns, itself or through such routines and views of others."""
    is_public: bool
    """PUBLIC may call it."""


@dataclass(frozen=True, slots=True)
class OwnerView:
    """A view with its owner's rights, or a materialized view, whose definition reaches masked columns."""

    oid: int
    name: str
    """schema.view, as SQL writes it."""
    is_materialized: bool
    is_readable: bool
    """The login may read from it."""


@dataclass(frozen=True, slots=True)
class Rights:
    login: Login
    readers: tuple[Reader, ...] = ()
    routines: tuple[Routine, ...] = ()
    views: tuple[OwnerView, ...] = ()
    creates_in: tuple[str, ...] = ()
    """Schemas, as SQL writes them, in which the login may create objects."""
    creates_schemas: bool = False
    writable: tuple[str, ...] = ()
    """Relations, as SQL writes them, that the login may change and whose constraints, references or triggers go by
    masked columns: whether a write succeeds tells of them."""
    triggers_on: tuple[str, ...] = ()
    """Relations, as SQL writes them, to which it may add triggers: code that runs with the rights of who writes."""
    defaults: tuple[tuple[str, str], ...] = ()
    """(owner, schema or "") of default privileges by which the login can read new tables."""
    database: str = ""
    """The database that was asked, as SQL writes it."""


PREDEFINED: Final = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_read_all_stats",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_create_subscription",
)

RIGHTS_QUERY: Final = """
WITH RECURSIVE
login AS MATERIALIZED (SELECT r.* FROM pg_roles AS r WHERE r.rolname = $1),
roles AS MATERIALIZED (
  SELECT r.oid, r.rolname, quote_ident(r.rolname) AS quoted
  FROM login AS l JOIN pg_roles AS r ON pg_has_role(l.oid, r.oid, 'MEMBER')
  UNION ALL
  SELECT 0, '', 'PUBLIC'
),
masked AS MATERIALIZED (
  SELECT c.oid, c.relowner, a.attnum
  FROM unnest($2::oid[], $3::int2[]) AS m(relation, attnum)
  JOIN pg_class AS c ON c.oid = m.relation
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = m.attnum AND NOT a.attisdropped
),
definitions AS MATERIALIZED (
  SELECT c.oid, d.refobjid, d.refobjsubid, w.has_whole_row
  FROM pg_class AS c
  JOIN pg_rewrite AS r ON r.ev_class = c.oid
  -- Whole rows leave no dependency on columns.
  CROSS JOIN LATERAL (SELECT position(':varattno 0 ' IN r.ev_action::text) > 0) AS w(has_whole_row)
  JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
  WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384
),
exposing(oid) AS (
  SELECT d.oid FROM definitions AS d JOIN masked AS m ON m.oid = d.refobjid
  WHERE d.has_whole_row OR d.refobjsubid = m.attnum
  UNION
  -- What functions gave is stored, too, and they ran as its owner.
  SELECT c.oid FROM pg_class AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid
  JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass
  JOIN pg_proc AS p ON p.oid = d.refobjid JOIN pg_language AS l ON l.oid = p.prolang
  WHERE c.relkind = 'm' AND l.lanname NOT IN ('internal', 'c')
  UNION
  SELECT d.oid FROM exposing AS e JOIN definitions AS d ON d.refobjid = e.oid
),
owner_views AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, c.relkind
  FROM exposing AS e JOIN pg_class AS c ON c.oid = e.oid
  WHERE c.relkind = 'm' OR NOT COALESCE(
    (SELECT o.option_value::bool FROM pg_options_to_table(c.reloptions) AS o
      WHERE o.option_name = 'security_invoker'), false)
),
routines AS MATERIALIZED (
  SELECT p.oid, p.proname, p.pronamespace, p.proowner, p.proacl, p.prosecdef,
    NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') AS is_untrusted
  FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
  WHERE p.oid >= 16384 AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
    AND (p.prosecdef OR (NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c')))
),
definer_triggers AS MATERIALIZED (
  SELECT t.tgrelid, p.proowner FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
  WHERE p.prosecdef AND NOT t.tgisinternal
),
owners AS MATERIALIZED (
  SELECT p.proowner AS oid FROM routines AS p UNION SELECT t.proowner FROM definer_triggers AS t
),
reaching(oid) AS (
  SELECT o.oid FROM owners AS o
  WHERE EXISTS (SELECT FROM masked AS m WHERE has_column_privilege(o.oid, m.oid, m.attnum, 'SELECT'))
    OR EXISTS (SELECT FROM owner_views AS v WHERE has_table_privilege(o.oid, v.oid, 'SELECT'))
  UNION
  SELECT o.oid FROM reaching AS r
  JOIN routines AS p ON p.proowner = r.oid AND p.prosecdef
  JOIN owners AS o ON has_function_privilege(o.oid, p.oid, 'EXECUTE')
),
telling(oid) AS (
  SELECT m.oid FROM masked AS m
  UNION
  SELECT t.tgrelid FROM definer_triggers AS t JOIN reaching AS r ON r.oid = t.proowner
  UNION
  SELECT c.conrelid FROM pg_constraint AS c JOIN masked AS m ON m.oid = c.confrelid AND m.attnum = ANY (c.confkey)
  UNION
  SELECT c.confrelid FROM pg_constraint AS c JOIN masked AS m ON m.oid = c.conrelid AND m.attnum = ANY (c.conkey)
  WHERE c.contype = 'f'
  UNION
  SELECT w.oid FROM telling AS t CROSS JOIN LATERAL (
    SELECT c.confrelid FROM pg_constraint AS c WHERE c.contype = 'f' AND c.conrelid = t.oid
      AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd'))
    UNION ALL SELECT i.inhparent FROM pg_inherits AS i WHERE i.inhrelid = t.oid
    UNION ALL SELECT d.oid FROM definitions AS d WHERE d.refobjid = t.oid) AS w(oid)
)
SELECT json_build_object(
  'database', quote_ident(current_database()),
  'login', (SELECT json_build_object(
      'is_superuser', l.rolsuper, 'bypasses_rls', l.rolbypassrls, 'can_create_roles', l.rolcreaterole,
      'can_replicate', l.rolreplication)
    FROM login AS l),
  'quoted', quote_ident($1),
  'predefined', (SELECT json_agg(r.rolname ORDER BY r.rolname) FROM roles AS r WHERE r.rolname = ANY ($4::text[])),
  'readers', (SELECT json_agg(json_build_array(m.oid::int8, m.attnum, r.quoted, r.oid = m.relowner)
      ORDER BY m.oid, m.attnum, r.oid)
    FROM masked AS m JOIN roles AS r
      ON r.oid = m.relowner OR has_column_privilege(r.oid, m.oid, m.attnum, 'SELECT')),
  'routines', (SELECT json_agg(json_build_array(
      format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
      quote_ident(pg_get_userbyid(p.proowner)), p.is_untrusted,
      EXISTS (SELECT FROM reaching AS r WHERE r.oid = p.proowner),
      EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) AS x
        WHERE x.grantee = 0 AND x.privilege_type = 'EXECUTE')) ORDER BY n.nspname, p.proname, p.oid)
    FROM routines AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE EXISTS (SELECT FROM roles AS r
      WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE') AND has_schema_privilege(r.oid, n.oid, 'USAGE'))),
  'views', (SELECT json_agg(json_build_array(v.oid::int8, format('%I.%I', n.nspname, v.relname), v.relkind = 'm',
      EXISTS (SELECT FROM roles AS r WHERE has_schema_privilege(r.oid, n.oid, 'USAGE')
        AND has_any_column_privilege(r.oid, v.oid, 'SELECT'))) ORDER BY n.nspname, v.relname)
    FROM owner_views AS v JOIN pg_namespace AS n ON n.oid = v.relnamespace),
  'creates_in', (SELECT json_agg(quote_ident(n.nspname) ORDER BY n.nspname)
    FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_(toast|temp)'
      AND EXISTS (SELECT FROM roles AS r WHERE has_schema_privilege(r.oid, n.oid, 'CREATE'))),
  'writable', (SELECT json_agg(format('%I.%I', n.nspname, c.relname) ORDER BY n.nspname, c.relname)
    FROM telling AS t JOIN pg_class AS c ON c.oid = t.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v') AND EXISTS (SELECT FROM roles AS r
      WHERE has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE')
        OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))),
  'triggers_on', (SELECT json_agg(format('%I.%I', n.nspname, c.relname) ORDER BY n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v') AND c.oid >= 16384 AND c.relpersistence <> 't'
      AND EXISTS (SELECT FROM roles AS r WHERE has_table_privilege(r.oid, c.oid, 'TRIGGER'))),
  'defaults', (SELECT json_agg(DISTINCT jsonb_build_array(quote_ident(pg_get_userbyid(d.defaclrole)),
      COALESCE(quote_ident(n.nspname), '')))
    FROM pg_default_acl AS d
    LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x
    JOIN roles AS r ON r.oid = x.grantee
    WHERE d.defaclobjtype = 'r' AND x.privilege_type = 'SELECT'),
  'creates_schemas', EXISTS (SELECT FROM roles AS r
    WHERE has_database_privilege(r.oid, current_database()::text, 'CREATE'))
)::text
"""
"""
$1 text the login's name, $2 oid[] and $3 int2[] the masked columns, $4 text[] predefined roles. One row, one text: a
JSON document (`decode`). The session's search_path must be empty, so that types of arguments are written with their
schema. Objects from OID 16384 are not built in.
"""


RIGHTS_VERSION_QUERY: Final = """
SELECT
  (SELECT sum(hashtextextended(r.tableoid::text || r.ctid::text || r.xmin::text, 0)) FROM (
    SELECT tableoid, ctid, xmin FROM pg_attribute
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_auth_members
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_class
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_constraint
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_database
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_default_acl
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_inherits
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_language
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_namespace
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_proc
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_rewrite
    UNION ALL SELECT tableoid, ctid, xmin FROM pg_trigger) AS r),
  (SELECT sum(hashtextextended(r::text, 0)) FROM pg_roles AS r)
"""
"""One row that differs once anything was changed that `RIGHTS_QUERY` or the catalog's columns depend on. The session's
search_path must be empty."""

MAY_WRITE_QUERY: Final = """
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_class AS c
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'f') AND c.relpersistence <> 't'
    AND (pg_catalog.has_table_privilege($1::name, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
      OR pg_catalog.has_any_column_privilege($1::name, c.oid, 'INSERT, UPDATE')))
  OR EXISTS (SELECT FROM pg_catalog.pg_proc AS p
    WHERE p.oid >= 16384 AND p.prosecdef AND pg_catalog.has_function_privilege($1::name, p.oid, 'EXECUTE'))
"""
"""$1 the login's name: whether it may change what tables hold, also by a function with its owner's rights."""


def decode(name: str, document: str) -> Rights:
    """The document is trusted: the server wrote it."""
    answer: dict[str, Any] = json.loads(document)
    attributes = answer["login"]
    login = Login(name, answer["quoted"], exists=False)
    if attributes is not None:
        login = Login(name, answer["quoted"], predefined=tuple(answer["predefined"] or ()), **attributes)
    return Rights(
        login,
        readers=tuple(Reader(*row) for row in answer["readers"] or ()),
        routines=tuple(Routine(*row) for row in answer["routines"] or ()),
        views=tuple(OwnerView(*row) for row in answer["views"] or ()),
        creates_in=tuple(answer["creates_in"] or ()),
        creates_schemas=answer["creates_schemas"],
        writable=tuple(answer["writable"] or ()),
        triggers_on=tuple(answer["triggers_on"] or ()),
        defaults=tuple((owner, schema) for owner, schema in answer["defaults"] or ()),
        database=answer["database"],
    )


@dataclass(frozen=True, slots=True)
class Readable:
    """A table or view of which a login may read something."""

    oid: int
    schema: str
    """As SQL writes it, as all names here."""
    name: str
    kind: str
    """relkind."""
    is_whole: bool
    """The login may read all of it, columns to come too."""
    columns: tuple[tuple[int, str], ...]
    """(attribute number, name) of the columns that it may read."""
    has_policies: bool
    """Row level security is on: what another role sees is another thing."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a login may do in one database: what another login can be given without getting more."""

    readable: tuple[Readable, ...]
    routines: tuple[str, ...]
    """Signatures of what it may call and PUBLIC may not, and that runs with the caller's rights."""
    defaults: tuple[tuple[str, str], ...]
    """(owner, schema or "") of default privileges by which a new table can be read by PUBLIC or the other login."""


REACH_QUERY: Final = """
WITH
relations AS MATERIALIZED (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, has_table_privilege($1, c.oid, 'SELECT') AS is_whole
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
    AND n.nspname !~ '^(pg_|information_schema$)' AND has_schema_privilege($1, n.oid, 'USAGE')
    AND has_any_column_privilege($1, c.oid, 'SELECT')
)
SELECT json_build_object(
  'readable', (SELECT json_agg(json_build_array(r.oid::int8, quote_ident(r.nspname), quote_ident(r.relname), r.relkind,
      r.is_whole, (
        SELECT json_agg(json_build_array(a.attnum, quote_ident(a.attname)) ORDER BY a.attnum)
        FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege($1, r.oid, a.attnum, 'SELECT')),
      r.relrowsecurity) ORDER BY r.nspname, r.relname)
    FROM relations AS r),
  'routines', (SELECT json_agg(format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
      ORDER BY n.nspname, p.proname, p.oid)
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND NOT p.prosecdef AND (l.lanpltrusted OR l.lanname IN ('internal', 'c'))
      AND has_function_privilege($1, p.oid, 'EXECUTE') AND NOT has_function_privilege(0, p.oid, 'EXECUTE')),
  'defaults', (SELECT json_agg(DISTINCT jsonb_build_array(quote_ident(pg_get_userbyid(d.defaclrole)),
      COALESCE(quote_ident(n.nspname), '')))
    FROM pg_default_acl AS d
    LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x
    WHERE d.defaclobjtype = 'r' AND x.privilege_type = 'SELECT'
      AND (x.grantee = 0 OR x.grantee = (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = $2)))
)::text
"""
"""$1 name the login that has the rights, $2 text the one that shall get some. As `RIGHTS_QUERY` otherwise."""


def decode_reach(document: str) -> Reach:
    answer: dict[str, Any] = json.loads(document)
    return Reach(
        tuple(
            Readable(oid, schema, name, kind, is_whole, tuple((number, column) for number, column in columns), policies)
            for oid, schema, name, kind, is_whole, columns, policies in answer["readable"] or ()
        ),
        tuple(answer["routines"] or ()),
        tuple((owner, schema) for owner, schema in answer["defaults"] or ()),
    )
