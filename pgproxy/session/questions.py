"""What the proxy itself asks the server within a client's session: the messages, in order, and what each is for.

All of it is under names with the reserved prefix, and none of its replies reaches the client.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pgproxy.catalog.model import Function
from pgproxy.catalog.queries import CODE_QUERY, SESSION_CATALOG_QUERY
from pgproxy.catalog.versions import ARGUMENTS_STATEMENT, SEES_THE_PRESENT, VERSIONS_QUERY, Objects, array, qualified
from pgproxy.session.formats import FORMATS_QUERY
from pgproxy.session.large_objects import BINARY_FORMATS, Call
from pgproxy.session.pending import Request
from pgproxy.session.prepared import RESERVED_PREFIX
from pgproxy.session.reading import BODY_QUERY
from pgproxy.statements.model import RawStatement, Reached, Target
from pgproxy.wire import query, results

ARGUMENTS = RESERVED_PREFIX + "arguments"
BODY = RESERVED_PREFIX + "body"
CODE = RESERVED_PREFIX + "code"
CATALOG = RESERVED_PREFIX + "catalog"
VERSIONS = RESERVED_PREFIX + "versions"
QUESTION = RESERVED_PREFIX + "question"
LARGE_OBJECT = RESERVED_PREFIX + "large_object"

_TEMPORARY_RELATION = """
SELECT c.oid::pg_catalog.int8
FROM pg_catalog.pg_class AS c
WHERE c.relname OPERATOR(pg_catalog.=) $1::pg_catalog.name
  AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
"""

_MATERIALIZED_VIEW = """
SELECT pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid
  AND c.relkind OPERATOR(pg_catalog.=) 'm'::pg_catalog."char"
"""

_MOVED_NAMES = qualified("""
WITH RECURSIVE moved(oid, name) AS (
  SELECT 0::pg_catalog.oid, u.name FROM pg_catalog.unnest($1::pg_catalog.name[]) AS u(name)
  UNION
  SELECT c.oid, c.relname FROM pg_catalog.pg_class AS c WHERE c.relname = ANY ($1::pg_catalog.name[])
  UNION
  SELECT c.oid, c.relname
  FROM moved AS m
  JOIN pg_catalog.pg_depend AS d ON d.refobjid = m.oid
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid
  JOIN pg_catalog.pg_class AS c ON c.oid = w.ev_class
)
SELECT pg_catalog.format('%I.%I', n.nspname, p.proname)
FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND p.prolang >= 14 AND EXISTS (
  SELECT FROM moved AS m WHERE MENTIONS(m.name) OR EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = m.oid))
ORDER BY 1 LIMIT 1
""")
"""$1 names of relations. A function, not built in and not in C, that has one of them, or that of a view over them, in
its source, or is bound to one."""

_SET_OFF = qualified("""
WITH RECURSIVE truncated(oid) AS (
  SELECT pg_catalog.to_regclass(u.name)::pg_catalog.oid FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)
  UNION
  SELECT r.oid
  FROM truncated AS t
  CROSS JOIN LATERAL (
    SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = t.oid
    UNION ALL
    SELECT k.conrelid FROM pg_catalog.pg_constraint AS k
    WHERE k.confrelid = t.oid AND k.contype = 'f'::pg_catalog."char") AS r(oid)
)
SELECT pg_catalog.format('%I.%I', n.nspname, p.proname)
FROM (
  SELECT e.evtfoid FROM pg_catalog.pg_event_trigger AS e
  WHERE $2::pg_catalog.bool AND e.evtenabled <> 'D'::pg_catalog."char"
  UNION
  SELECT g.tgfoid FROM truncated AS t JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = t.oid
  WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'::pg_catalog."char" AND g.tgtype OPERATOR(pg_catalog.&) 32 <> 0
) AS run(oid)
JOIN pg_catalog.pg_proc AS p ON p.oid = run.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND p.prolang >= 14 AND (
  EXISTS (SELECT FROM pg_catalog.pg_class AS m
    WHERE MENTIONED_RELATION AND (m.relpersistence = 't'::pg_catalog."char" OR EXISTS (
      SELECT FROM pg_catalog.pg_class AS x WHERE x.relname = m.relname AND x.oid <> m.oid
        AND (x.relpersistence <> 't'::pg_catalog."char" OR x.relnamespace = pg_catalog.pg_my_temp_schema()))))
  OR EXISTS (SELECT FROM pg_catalog.unnest($3::pg_catalog.name[]) AS u(name) WHERE MENTIONS(u.name))
  OR EXISTS (SELECT FROM pg_catalog.pg_proc AS o
    WHERE o.oid >= 16384 AND o.oid <> p.oid AND o.prolang >= 14 AND MENTIONS(o.proname)))
ORDER BY 1 LIMIT 1
""")
"""$1 tables that are truncated, $2 whether event triggers may fire, $3 names that are given. A function that runs then,
not built in and not in C, with a name in its source that may stand for one relation or another, or of a function."""

_LARGE_OBJECT = """
SELECT m.xmin
FROM pg_catalog.pg_largeobject_metadata AS m
WHERE m.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid
"""

_OWN_LARGE_OBJECT = """
FROM pg_catalog.pg_largeobject_metadata AS m
WHERE m.oid OPERATOR(pg_catalog.=) ${oid}::pg_catalog.oid
  AND m.xmin OPERATOR(pg_catalog.=) ${version}::pg_catalog.xid
  AND (
    pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
    OR pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read uncommitted'
    OR m.xmin OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.xid
  )
"""
"""A descriptor for writing reads what is there at present, whatever the transaction's snapshot says of the object: so
the snapshot must be the present one, or the object such as nobody else can have touched."""


_HOLD_CONTEXT = """
SELECT pg_catalog.current_setting('pgproxy.reason', true), pg_catalog.current_setting('pgproxy.on_hold', true),
  pg_catalog.concat_ws(
    ';',
    pg_catalog.current_setting('search_path'),
    pg_catalog.current_setting('role'),
    pg_catalog.current_setting('session_replication_role'),
    pg_catalog.current_setting('TimeZone'),
    pg_catalog.current_setting('DateStyle'),
    pg_catalog.current_setting('IntervalStyle')
  ),
  (SELECT pg_catalog.string_agg(c.oid::pg_catalog.text, ',' ORDER BY c.oid)
   FROM pg_catalog.pg_class AS c
   WHERE c.relname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.name[]))
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One message, and which statement of ours it prepares."""

    request: Request
    sent: bytes
    prepares: str = ""


@dataclass(frozen=True, slots=True)
class Versions:
    """The answer to `about_versions`."""

    fingerprint: str
    isolation: str
    changed_nothing: bool
    """The transaction."""

    @property
    def sees_the_present(self) -> bool:
        return self.isolation in SEES_THE_PRESENT

    @staticmethod
    @lru_cache(maxsize=1024)
    def decode(row: bytes) -> Versions:
        """From a DataRow frame, mostly the same as the last time."""
        fingerprint, isolation, changed_nothing, *_ = results.DataRow.decode(row[5:]).values()
        return Versions((fingerprint or b"").decode(), (isolation or b"").decode(), changed_nothing == b"t")


def about_catalog(reached: Reached, prepared: Container[str]) -> list[Question]:
    """The rows of what a tree reaches; the last DataRow holds the document, the last question is Close, with Flush.

    Args:
        prepared: which statements of ours this session has; they may be gone by DISCARD or DEALLOCATE.
    """
    sets = (reached.relations, reached.functions, reached.operators, reached.types)
    return _with_arguments(CATALOG, SESSION_CATALOG_QUERY, b";".join(map(array, sets)), prepared)


def about_versions(objects: Objects, prepared: Container[str]) -> list[Question]:
    """The versions of objects as the transaction sees them; the last DataRow is for `Versions.decode`."""
    if ARGUMENTS in prepared and VERSIONS in prepared:
        return _about_versions_again(objects)
    return _with_arguments(VERSIONS, VERSIONS_QUERY, objects.argument, prepared)


@lru_cache(maxsize=1024)
def _about_versions_again(objects: Objects) -> list[Question]:
    """Asked for almost every statement, mostly of the same objects."""
    return _with_arguments(VERSIONS, VERSIONS_QUERY, objects.argument, (ARGUMENTS, VERSIONS))


def about_code(code: str, prepared: Container[str]) -> list[Question]:
    """What the code of DO names; the last DataRow's first column is for `catalog.decoding.read_code`."""
    return _with_arguments(CODE, CODE_QUERY, code.encode(), prepared)


def about_body(function: Function, prepared: Container[str]) -> list[Question]:
    """The trees of an SQL function's body, which are announced while the last but one question is executed."""
    path = None if function.search_path is None else function.search_path.encode()
    questions = [] if BODY in prepared else _prepared(BODY, BODY_QUERY)
    return _answered_at_once([*questions, *_executed(BODY, (str(function.oid).encode(), path))])


def about_formats() -> list[Question]:
    """How the server writes values now, one row."""
    return _asked(FORMATS_QUERY, ())


def about_hold(names: Sequence[str]) -> list[Question]:
    """What a statement that is held depends on beside its text, one row: pgproxy.reason, pgproxy.on_hold, settings,
    and the OIDs of all relations of these names."""
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in sorted(set(names)))
    return _asked(_HOLD_CONTEXT, (("{" + ",".join(quoted) + "}").encode("utf-8", "surrogateescape"),))


def about_estimate(text: str, types: Sequence[int], bind: query.Bind | None) -> list[Question]:
    """The planner's plan for a query, one row; nothing of it is executed.

    Args:
        types: of its parameters.
        bind: where they come from; None: it has none.
    """
    given = query.Bind(QUESTION, QUESTION) if bind is None else replace(bind, portal=QUESTION, statement=QUESTION)
    return _answered_at_once(
        [
            Question(Request.CLOSE, query.Close("S", QUESTION).encode()),
            Question(Request.PARSE, query.Parse(QUESTION, f"EXPLAIN (FORMAT JSON) {text}", tuple(types)).encode()),
            Question(Request.BIND, replace(given, result_formats=()).encode()),
            Question(Request.EXECUTE, query.Execute(QUESTION, 0).encode()),
            Question(Request.CLOSE, query.Close("P", QUESTION).encode()),
        ]
    )


_CARRIED_SETTINGS = (
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "extra_float_digits",
    "bytea_output",
    "client_encoding",
    "standard_conforming_strings",
    "row_security",
    "xmlbinary",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "default_text_search_config",
    "quote_all_identifiers",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "statement_timeout",
    "lock_timeout",
    "application_name",
)

# As schemas, since "$user" is another one there.
_SCHEMAS = """(
SELECT pg_catalog.string_agg(
    CASE WHEN s.name OPERATOR(pg_catalog.~~) 'pg\\_temp\\_%' THEN 'pg_temp'::pg_catalog.text
      ELSE pg_catalog.quote_ident(s.name) END,
    ', '::pg_catalog.text ORDER BY s.place)
FROM pg_catalog.unnest(pg_catalog.current_schemas(false)::pg_catalog.text[]) WITH ORDINALITY AS s(name, place))"""

_SETTINGS_QUERY = f"SELECT {_SCHEMAS}, " + ", ".join(
    f"pg_catalog.current_setting('{name}')" for name in _CARRIED_SETTINGS
)


def about_creation_schema() -> list[Question]:
    """Where a relation whose name has no schema will be made, one row; NULL: nowhere."""
    return _asked("SELECT pg_catalog.current_schema()", ())


def about_settings() -> list[Question]:
    """What a statement's meaning and the form of its results depend on, one row for `settings_for`."""
    return _asked(_SETTINGS_QUERY, ())


def settings_for(row: Sequence[bytes | None], level: str) -> tuple[str, tuple[bytes, ...]]:
    """SQL and arguments that give another session these settings.

    Args:
        row: the answer to `about_settings`.
        level: client_min_messages there.
    """
    names = ("search_path", *_CARRIED_SETTINGS, "client_min_messages")
    values = (*(value or b"" for value in row), level.encode())
    calls = (f"pg_catalog.set_config('{name}', ${at}, false)" for at, name in enumerate(names, 1))
    return "SELECT " + ", ".join(calls), values


def about_temporary_relation(name: str) -> list[Question]:
    """The OID of the session's temporary relation of that name, one row; none: there is none."""
    return _asked(_TEMPORARY_RELATION, (name.encode(),))


def about_materialized_view(target: Target) -> list[Question]:
    """The query of the materialized view of that name, one row; none: there is no such view."""
    parts = (target.schema, target.name) if target.schema else (target.name,)
    name = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    return _asked(_MATERIALIZED_VIEW, (name.encode(),))


def about_set_off(raw: RawStatement) -> list[Question]:
    """A function with names in its source that this definition or TRUNCATE runs, one row; none: there is no such."""
    fires = b"t" if raw.fires_event_triggers else b"f"
    return _asked(_SET_OFF, (_texts(raw.truncates), fires, _texts(raw.given_names)))


def about_moved_names(names: Sequence[str]) -> list[Question]:
    """A function whose code may find other rows once these names stand for others, one row; none: there is no such."""
    return _asked(_MOVED_NAMES, (_texts(names),))


def _texts(texts: Sequence[str]) -> bytes:
    """A text[] as text."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return b"{%s}" % ",".join(quoted).encode()


def about_large_object(oid: bytes, prepared: Container[str]) -> list[Question]:
    """The version of that large object, one row in binary format; none: there is no such object."""
    return _answered_at_once(_in_binary(LARGE_OBJECT, _LARGE_OBJECT, (oid,), prepared))


def about_large_object_call(call: Call, prepared: Container[str]) -> list[Question]:
    """What the function returns, one row in binary format, none if it is guarded and the object is another one by now;
    where it is confirmed, then as `about_large_object`."""
    function, arguments = call.function, call.arguments
    given = ", ".join(f"${number}::pg_catalog.{name}" for number, name in enumerate(function.types, 1))
    sql = f"SELECT pg_catalog.{function.name}({given})"
    if call.of is not None and function.is_guarded:
        sql += _OWN_LARGE_OBJECT.format(oid=len(arguments) + 1, version=len(arguments) + 2)
        arguments = (*arguments, call.of.oid, call.of.version)
    questions = _in_binary(RESERVED_PREFIX + function.name, sql, arguments, prepared)
    if call.of is not None and function.is_confirmed:
        questions += _in_binary(LARGE_OBJECT, _LARGE_OBJECT, (call.of.oid,), prepared)
    return _answered_at_once(questions)


def _in_binary(name: str, sql: str, arguments: tuple[bytes, ...], prepared: Container[str]) -> list[Question]:
    questions = [] if name in prepared else _prepared(name, sql)
    return [*questions, *_executed(name, arguments, BINARY_FORMATS)]


def _asked(sql: str, arguments: tuple[bytes, ...]) -> list[Question]:
    return _answered_at_once([*_prepared(QUESTION, sql), *_executed(QUESTION, arguments)])


def _with_arguments(name: str, sql: str, argument: bytes, prepared: Container[str]) -> list[Question]:
    questions: list[Question] = []
    if ARGUMENTS not in prepared:
        questions += _prepared(ARGUMENTS, ARGUMENTS_STATEMENT)
    if name not in prepared:
        questions += _prepared(name, sql)
    return _answered_at_once([*questions, *_executed(ARGUMENTS, (argument,)), *_executed(name, ())])


def _prepared(name: str, sql: str) -> list[Question]:
    return [
        Question(Request.CLOSE, query.Close("S", name).encode()),
        Question(Request.PARSE, query.Parse(name, sql, ()).encode(), prepares=name),
    ]


def _executed(name: str, arguments: tuple[bytes | None, ...], formats: tuple[int, ...] = ()) -> list[Question]:
    return [
        Question(Request.BIND, query.Bind(name, name, formats, arguments, formats).encode()),
        Question(Request.EXECUTE, query.Execute(name, 0).encode()),
        Question(Request.CLOSE, query.Close("P", name).encode()),
    ]


def _answered_at_once(questions: list[Question]) -> list[Question]:
    last = questions[-1]
    return [*questions[:-1], Question(last.request, last.sent + query.Flush().encode())]
