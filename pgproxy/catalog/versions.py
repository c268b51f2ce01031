"""Versions of catalog rows: what tells whether anything that an analysis was made from has changed since.

The version of an object is (xmin, ctid) of every catalog row that the proxy's picture of it is made from, its schema's
included: any change of one makes a new row version, also a change that is rolled back later. `VERSIONS_QUERY` reads one
fingerprint of many objects in a fraction of the catalog query's time. Text and values only; no I/O.
Source: the PostgreSQL manual, "System Columns" and "System Catalogs".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pgproxy.catalog.model import FIRST_NORMAL_OID, Catalog

_ARGUMENT: Final = r"pg_catalog.split_part(pg_catalog.current_setting('pgproxy.reached'), ';', \1)::pg_catalog.oid"
_WORDS: Final = (
    "pg_catalog.regexp_split_to_array(pg_catalog.concat(p.prosrc, ' ', pg_catalog.lower(p.prosrc)),"
    " '[^[:alnum:]_$]+')::pg_catalog.name[]"
)
_MENTIONS: Final = re.compile(r"MENTIONS\(([\w.]+)\)")
_MADE_OF_OTHERS: Final = re.compile(r"IS_MADE_OF_OTHERS\(([\w.]+), ([\w.]+)\)")
_OPERATOR: Final = re.compile(r"(?<= )(=|<>|>=|>|<|\|\|)(?= )")

ARGUMENTS_STATEMENT: Final = """
SELECT pg_catalog.set_config('pgproxy.reached', $1, true),
  pg_catalog.set_config('pgproxy.jit', pg_catalog.current_setting('jit'), true),
  pg_catalog.set_config('jit', 'off', true)
"""
"""A setting of the transaction that carries the arguments of the queries here, as a statement without parameters is
planned once in a session; one with array parameters is planned anew for each execution, which is most of its cost.
$1 text: arrays of OIDs, separated by semicolons.

They are planned without JIT: in a database of a thousand tables they look as if compiling them (seconds, for each
execution) paid. The query behind it says `JIT_AS_BEFORE`."""

JIT_AS_BEFORE: Final = "pg_catalog.set_config('jit', pg_catalog.current_setting('pgproxy.jit'), true)"


def qualified(text: str) -> str:
    """SQL of this package as it is sent: without comments, operators qualified (the client's search_path is unknown).

    ROW_VERSION(a) stands for the version of the row `a`, MENTIONS(x) for "the word x is in the source of
    the function `p`", as it is or in lower case, IS_MADE_OF_OTHERS(x, y) for "one of these types may be
    the row type of a table, a domain or an array", ARGUMENT(n) for the n-th array of OIDs of the setting.
    """
    text = text.replace("MENTIONED_FUNCTIONS", MENTIONED_FUNCTIONS).replace("MENTIONED_RELATION", MENTIONED_RELATION)
    text = text.replace("NEEDS_OWN_OPERAND", _NEEDS_OWN_OPERAND)
    text = text.replace("HOLDS_OWN_TYPES", HOLDS_OWN_TYPES).replace("OWN_TYPE", _OWN_TYPE)
    text = _MADE_OF_OTHERS.sub(
        r"EXISTS (SELECT FROM pg_catalog.pg_type AS y"
        r" WHERE (y.oid = \1 OR y.oid = \2) AND (y.typtype = 'c' OR y.typtype = 'd' OR y.typelem <> 0))",
        text,
    )
    text = text.replace("IS_READ_BY_NAMES", IS_READ_BY_NAMES).replace("TAKES_ANY_TYPE", TAKES_ANY_TYPE)
    text = text.replace("POLYMORPHIC_TYPES", _POLYMORPHIC_TYPES)
    text = _MENTIONS.sub(rf"\1 = ANY ({_WORDS})", text)
    text = re.sub(r"ROW_VERSION\((\w)\)", r"\1.xmin::pg_catalog.text || \1.ctid::pg_catalog.text", text)
    text = re.sub(r"ARGUMENT\((\d)\)", rf"(SELECT {_ARGUMENT}[])", text)
    return _OPERATOR.sub(r"OPERATOR(pg_catalog.\1)", re.sub(r"--.*", "", text))


RELATION_VERSION: Final = """(
  SELECT pg_catalog.md5(pg_catalog.string_agg(v.x, ' ' ORDER BY v.x))
  FROM (
    SELECT ROW_VERSION(c) || ROW_VERSION(n)
    UNION ALL SELECT ROW_VERSION(a) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
    UNION ALL SELECT ROW_VERSION(x) FROM pg_catalog.pg_attrdef AS x WHERE x.adrelid = c.oid
    UNION ALL SELECT ROW_VERSION(i) FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid
    UNION ALL SELECT ROW_VERSION(i) FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid
    UNION ALL SELECT ROW_VERSION(w) FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class = c.oid
    -- A foreign key to this relation has triggers here.
    UNION ALL SELECT ROW_VERSION(t) FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid
    UNION ALL SELECT ROW_VERSION(p) FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid
    UNION ALL SELECT ROW_VERSION(k) FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid
    UNION ALL SELECT ROW_VERSION(i) FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid
  ) AS v(x))"""
"""Of the row `c` of pg_class in the schema `n`."""

_POLYMORPHIC_TYPES: Final = "{2277,2283,2776,3500,3831,4537,4538,5077,5078,5079,5080}"
"""anyelement and the like, as the array of their OIDs (pg_type.dat)."""

TAKES_ANY_TYPE: Final = """(p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.&&)
    'POLYMORPHIC_TYPES'::pg_catalog.oid[])"""
"""Whether the function `p` is polymorphic: the types of its arguments are those of each call."""

IS_READ_BY_NAMES: Final = """(p.prolang > 14
  OR (p.prolang = 14 AND p.oid >= 16384 AND p.prosqlbody IS NULL AND (TAKES_ANY_TYPE
    OR EXISTS (SELECT FROM pg_catalog.pg_operator AS q WHERE q.oid >= 16384 AND q.oprcode = p.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_cast AS k WHERE k.oid >= 16384 AND k.castfunc = p.oid))))"""
"""Whether the function `p` is read by the names in its source: its language is not built in; or it is in SQL and
polymorphic, so that the server analyses its body for each call, or behind an operator or a cast, which code runs by."""

MENTIONED_RELATION: Final = """(m.oid >= 16384 AND IS_READ_BY_NAMES
  AND (m.relkind = 'r' OR m.relkind = 'p' OR m.relkind = 'v' OR m.relkind = 'm' OR m.relkind = 'f' OR m.relkind = 'c')
  AND (m.relpersistence <> 't' OR m.relnamespace = pg_catalog.pg_my_temp_schema()) AND MENTIONS(m.relname))"""
"""Whether the source of the function `p`, in a language that is not built in, has the name of the row `m` of pg_class
in it: all that code without SQL made at run time can reach, and more, but for names that are no words."""

_NEEDS_OWN_OPERAND: Final = """(
  -- OPERATOR(schema.name) looks in one schema.
  pg_catalog.strpos(pg_catalog.lower(p.prosrc), 'operator') = 0
  AND EXISTS (
    SELECT FROM pg_catalog.pg_operator AS q JOIN pg_catalog.pg_type AS y ON y.oid = q.oprleft
    WHERE q.oid < 16384 AND q.oprname = o.oprname AND q.oprleft = q.oprright AND y.typtype = 'b'
      AND q.oprleft = CASE WHEN o.oprleft < 16384 THEN o.oprleft WHEN o.oprright < 16384 THEN o.oprright ELSE 25 END)
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_cast AS k
    WHERE k.oid >= 16384 AND k.castcontext = 'i' AND k.casttarget >= 16384
      AND (k.casttarget = o.oprleft OR k.casttarget = o.oprright)))"""
"""Whether the operator `o` on a type of users' is only chosen for a value of that type: for two literals, or one beside
its other operand, there is a built-in operator of its name, and nothing is cast to its type unasked.
Source: the PostgreSQL manual, "Operator Type Resolution"."""

MENTIONED_FUNCTIONS: Final = """(
  SELECT o.oid, o.proname FROM pg_catalog.pg_proc AS o WHERE o.oid >= 16384 AND MENTIONS(o.proname)
  -- Those that run without their name: of operators, also behind IN, LIKE, CASE and ORDER BY, of casts, of
  -- defaults, of domains.
  UNION ALL
  SELECT o.oprcode::pg_catalog.oid,
    CASE WHEN (o.oprleft >= 16384 OR o.oprright >= 16384) AND NOT IS_MADE_OF_OTHERS(o.oprleft, o.oprright)
      AND (pg_catalog.strpos(p.prosrc, o.oprname) = 0 OR NEEDS_OWN_OPERAND) THEN '' END
  FROM pg_catalog.pg_operator AS o
  WHERE o.oid >= 16384 AND (pg_catalog.strpos(p.prosrc, o.oprname) > 0
    OR o.oprname = ANY ('{=,<>,<,>,<=,>=,~~,!~~,~~*,!~~*,~}'::pg_catalog.name[]))
  UNION ALL
  SELECT o.castfunc,
    CASE WHEN (o.castsource >= 16384 OR o.casttarget >= 16384)
      -- An operand or an argument may be cast to a type that nothing else names.
      AND (o.castcontext <> 'i' OR NOT (
        EXISTS (SELECT FROM pg_catalog.pg_operator AS q
          WHERE q.oid >= 16384 AND (q.oprleft = o.casttarget OR q.oprright = o.casttarget))
        OR EXISTS (SELECT FROM pg_catalog.pg_type AS y WHERE y.oid >= 16384 AND y.typbasetype = o.casttarget)))
      AND NOT IS_MADE_OF_OTHERS(o.castsource, o.casttarget) THEN '' END
  FROM pg_catalog.pg_cast AS o WHERE o.oid >= 16384 AND o.castfunc >= 16384
  UNION ALL
  SELECT d.refobjid, NULL FROM pg_catalog.pg_class AS m
  JOIN pg_catalog.pg_attrdef AS x ON x.adrelid = m.oid
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = x.oid
    AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid >= 16384
  WHERE MENTIONED_RELATION
  UNION ALL
  SELECT d.refobjid, NULL FROM pg_catalog.pg_type AS o
  JOIN pg_catalog.pg_constraint AS k ON k.contypid = o.oid
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid
    AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid >= 16384
  WHERE o.oid >= 16384 AND o.typtype = 'd' AND MENTIONS(o.typname)
)"""
"""Functions of users that the function `p` may run: (oid, name); NULL: without its name; "": likewise, but only where
it has a value of a type that users made."""

_OWN_TYPE: Final = """(y.oid >= 16384 AND (y.typtype <> 'd' OR y.typbasetype >= 16384)
  AND (y.typtype <> 'c' OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = y.typrelid AND a.atttypid >= 16384)))"""
"""Whether users made the type `y`, and it is not only a domain over one, or a row of some, that are built in."""

HOLDS_OWN_TYPES: Final = """(
  EXISTS (SELECT FROM pg_catalog.pg_type AS y
    WHERE y.oid = ANY (pg_catalog.array_cat(p.proargtypes::pg_catalog.oid[] || p.prorettype, p.proallargtypes))
      AND (OWN_TYPE OR (y.typtype = 'p' AND y.typname <> 'void' AND y.typname <> 'trigger'
        AND (y.typname <> 'record' OR y.oid = ANY (p.proargtypes))
        AND y.oid <> ALL ('POLYMORPHIC_TYPES'::pg_catalog.oid[]))))
  OR (TAKES_ANY_TYPE AND p.proargdefaults::pg_catalog.text OPERATOR(pg_catalog.~) '[0-9]{5}')
  OR EXISTS (SELECT FROM pg_catalog.pg_type AS y WHERE y.typrelid = 0 AND OWN_TYPE AND MENTIONS(y.typname)))"""
"""Whether the function `p` may have a value of a type that users made, by its arguments, its result or a type that its
source names. If it is polymorphic each call says that, but for defaults: there are OIDs in their trees."""

FUNCTION_VERSION: Final = """(ROW_VERSION(p) || ROW_VERSION(n)
  || CASE WHEN IS_READ_BY_NAMES THEN pg_catalog.concat(
    (SELECT pg_catalog.string_agg(m.oid::pg_catalog.text || ROW_VERSION(m), ' ' ORDER BY m.oid)
      FROM pg_catalog.pg_class AS m WHERE MENTIONED_RELATION), ';',
    (SELECT pg_catalog.string_agg(pg_catalog.concat(m.oid, m.name IS NULL, m.name), ' ' ORDER BY m.oid, m.name)
      FROM MENTIONED_FUNCTIONS AS m(oid, name)), ';', HOLDS_OWN_TYPES) ELSE '' END)"""
"""Of the row `p` of pg_proc in the schema `n`; replacing an aggregate writes this row too. What its source
names is looked up when it runs, so something new of such a name changes the version. The last letter of that of a
function with a source: t if `HOLDS_OWN_TYPES`."""

TYPE_VERSION: Final = """(
  SELECT pg_catalog.md5(pg_catalog.string_agg(v.x, ' ' ORDER BY v.x))
  FROM (
    SELECT ROW_VERSION(y) || ROW_VERSION(n)
    UNION ALL SELECT ROW_VERSION(e) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = y.oid
    UNION ALL SELECT ROW_VERSION(k) FROM pg_catalog.pg_constraint AS k WHERE k.contypid = y.oid
    UNION ALL SELECT ROW_VERSION(a) FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = y.typrelid AND a.attnum > 0
  ) AS v(x))"""
"""Of the row `y` of pg_type in the schema `n`."""

TRANSACTION: Final = """pg_catalog.current_setting('transaction_isolation'),
  pg_catalog.pg_current_xact_id_if_assigned() IS NULL"""
"""The isolation level, and whether the transaction has changed nothing so far."""

SEES_THE_PRESENT: Final = frozenset(("read committed", "read uncommitted"))
"""Isolation levels at which each statement sees all that was committed before it."""

_VERSIONS: Final = """
SELECT pg_catalog.md5(pg_catalog.string_agg(o.kind || o.oid::pg_catalog.text || ':' || o.version, ' '
    ORDER BY o.kind, o.oid)),
  TRANSACTION,
  JIT_AS_BEFORE
FROM (
  SELECT 'f', p.oid::pg_catalog.int8, FUNCTION_VERSION
  FROM pg_catalog.unnest(ARGUMENT(2)) AS u(oid)
  JOIN pg_catalog.pg_proc AS p ON p.oid = u.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  UNION ALL
  SELECT 'r', c.oid::pg_catalog.int8, RELATION_VERSION
  FROM pg_catalog.unnest(ARGUMENT(1)) AS u(oid)
  JOIN pg_catalog.pg_class AS c ON c.oid = u.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 't', y.oid::pg_catalog.int8, TYPE_VERSION
  FROM pg_catalog.unnest(ARGUMENT(3)) AS u(oid)
  JOIN pg_catalog.pg_type AS y ON y.oid = u.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = y.typnamespace
) AS o(kind, oid, version)
"""

VERSIONS_QUERY: Final = qualified(
    _VERSIONS.replace("RELATION_VERSION", RELATION_VERSION)
    .replace("FUNCTION_VERSION", FUNCTION_VERSION)
    .replace("TYPE_VERSION", TYPE_VERSION)
    .replace("TRANSACTION", TRANSACTION)
    .replace("JIT_AS_BEFORE", JIT_AS_BEFORE)
)
"""
Arguments: relations; functions; types. One row: the `fingerprint` of their versions (NULL of none), and `TRANSACTION`;
the last column is for nobody.
"""


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects that users made, by OID."""

    relations: frozenset[int] = frozenset()
    functions: frozenset[int] = frozenset()
    types: frozenset[int] = frozenset()

    @property
    def argument(self) -> bytes:
        """What `VERSIONS_QUERY` wants in its setting."""
        return b";".join(map(array, (self.relations, self.functions, self.types)))

    def __bool__(self) -> bool:
        return bool(self.relations or self.functions or self.types)


def array(oids: Iterable[int]) -> bytes:
    """An oid[] as text."""
    return b"{%s}" % b",".join(b"%d" % oid for oid in sorted(oids))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalog as one transaction saw it, as far as it is reached from some objects, with its versions.

    It holds as long as the versions are what they were: nothing enters the reach of an object without a row that
    belongs to one that was in it (a new child has a row of its parent).
    """

    catalog: Catalog
    objects: Objects
    """All of users' that is reached."""
    lasting: Objects
    """Without temporary relations: of its own a session sees every change, and nobody else can make one."""
    fingerprint: str

    @classmethod
    def of(cls, shared: Catalog, read: Catalog) -> Snapshot:
        """What a document had, over the shared catalog."""
        own = Objects(
            frozenset(oid for oid in read.relations if oid >= FIRST_NORMAL_OID),
            frozenset(oid for oid in read.functions if oid >= FIRST_NORMAL_OID),
            frozenset(oid for oid in read.types if oid >= FIRST_NORMAL_OID),
        )
        lasting = frozenset(oid for oid in own.relations if not read.relations[oid].is_temporary)
        return cls(shared.under(read), own, replace(own, relations=lasting), fingerprint(read, own))

    def without(self, relations: frozenset[int], functions: frozenset[int]) -> Objects:
        """The objects but for these relations and functions."""
        return Objects(self.objects.relations - relations, self.objects.functions - functions, self.objects.types)

    @property
    def is_lasting(self) -> bool:
        """It reaches no temporary relation."""
        return len(self.lasting.relations) == len(self.objects.relations)


def fingerprint(catalog: Catalog, objects: Objects) -> str:
    """What `VERSIONS_QUERY` says of these objects while they are as in the catalog; "" of none."""
    versions = [
        *(f"f{oid}:{catalog.functions[oid].version}" for oid in sorted(objects.functions)),
        *(f"r{oid}:{catalog.relations[oid].version}" for oid in sorted(objects.relations)),
        *(f"t{oid}:{catalog.types[oid].version}" for oid in sorted(objects.types)),
    ]
    return hashlib.md5(" ".join(versions).encode(), usedforsecurity=False).hexdigest() if versions else ""
