"""What the proxy knows of a database's objects: frozen values, keyed by OID.

No I/O here (`catalog.reading` loads it; `catalog.decoding` builds it from rows). A `Catalog` is a value: sessions
lay newer rows over the shared one with `Catalog.with_objects`, so that what a transaction itself created counts.
Source of every field: the PostgreSQL manual, "System Catalogs".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag
from typing import Any, Final, TypeVar

T = TypeVar("T")

FIRST_NORMAL_OID = 16384
"""Objects below it were made by initdb (`access/transam.h`): built in."""


_HARMLESS_SETTINGS = frozenset(
    """
    search_path work_mem maintenance_work_mem hash_mem_multiplier jit plan_cache_mode statement_timeout lock_timeout
    timezone datestyle intervalstyle extra_float_digits random_page_cost seq_page_cost enable_seqscan enable_indexscan
    enable_indexonlyscan enable_bitmapscan enable_hashjoin enable_mergejoin enable_nestloop enable_sort enable_hashagg
    """.split()
)
"""Settings of functions that change no meaning, or (search_path) are applied when the body is read."""


@dataclass(frozen=True, slots=True)
class Column:
    """A row of pg_attribute; dropped columns are left out."""

    attnum: int
    name: str
    type_oid: int
    generated: str = ""
    """"" no, "s" stored, "v" virtual (18)."""
    sources: frozenset[int] = frozenset()
    """Attribute numbers of the same relation that a generated column is computed from."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a row that is written is tested against, together with what is stored already."""

    kind: str
    """u unique (also an index without a constraint), x exclusion, f foreign key, c check."""
    columns: frozenset[tuple[int, int]]
    """(relation, attribute number) of the columns that the test compares; of a foreign key on both sides."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A row of pg_trigger."""

    kind: int
    """tgtype: bits of `TriggerBit`."""
    function: int
    columns: frozenset[int] = frozenset()
    """Attribute numbers of the columns that WHEN looks at; 0: the whole row."""
    functions: frozenset[int] = frozenset()
    """Functions that WHEN runs."""
    transition_tables: frozenset[str] = frozenset()
    """REFERENCING OLD/NEW TABLE AS."""
    is_deferrable: bool = False
    """It may run as late as at COMMIT."""


class TriggerBit(IntFlag):
    """Source: PostgreSQL src/include/catalog/pg_trigger.h."""

    ROW = 1
    BEFORE = 2
    INSERT = 4
    DELETE = 8
    UPDATE = 16
    TRUNCATE = 32
    INSTEAD = 64


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a function that is read by its names (`versions.IS_READ_BY_NAMES`), and what its words may mean."""

    text: str
    header: str = "() RETURNS trigger"
    """Its arguments and what it returns, as CREATE FUNCTION has them."""
    relations: tuple[int, ...] = ()
    """All whose names are in it, in any schema."""
    functions: tuple[tuple[str, Function], ...] = ()
    """Of users, by the name by which it may call them; "": they may run without one. Schema and result are left out."""
    of_types: tuple[Function, ...] = ()
    """Those of casts and operators that only run for values of types that users made."""
    holds_own_types: bool = False
    """It may have such values, also apart from columns of the relations."""
    takes_any_type: bool = False
    """It is polymorphic: each call says what types its values have."""
    runs_for_arguments: bool = False
    """A call runs something for its arguments: checks of domains, or defaults other than constants."""

    @property
    def is_trigger(self) -> bool:
        """Nothing but a trigger can call it."""
        return self.header.endswith(" RETURNS trigger")


@dataclass(frozen=True, slots=True)
class Relation:
    """A row of pg_class with its columns."""

    oid: int
    schema: str
    name: str
    kind: str
    """relkind: r table, p partitioned, v view, m materialized view, f foreign, t toast, S sequence, i index,
    c composite."""
    columns: tuple[Column, ...]
    version: str = ""
    """Differs when any catalog row that this value was made from has changed (`catalog.versions`)."""
    parents: tuple[int, ...] = ()
    """Direct inheritance parents or partition root (pg_inherits.inhparent)."""
    children: tuple[int, ...] = ()
    is_temporary: bool = False
    triggers: tuple[Trigger, ...] = ()
    """Triggers that users made and did not disable."""
    references: tuple[int, ...] = ()
    """Relations tied to this one by a foreign key, in either direction."""
    cascades: tuple[int, ...] = ()
    """Relations whose rows an UPDATE or DELETE here may change (foreign keys that cascade, set null or set default)."""
    write_functions: tuple[int, ...] = ()
    """Functions that are not built in and run when a row is written: of checks, generated columns and indexes."""
    definition: str = ""
    """The stored query tree (pg_rewrite.ev_action) of a materialized view, of a view that one is made from, and of one
    with triggers."""
    partition_key: frozenset[int] = frozenset()
    """Attribute numbers of the columns that choose the partition of a row."""
    has_policies: bool = False
    """Row-level security: which rows come depends on who asks."""
    has_rules: bool = False
    """A table with rules: a write to it may do something else."""
    constraints: tuple[Constraint, ...] = ()
    """Of this relation, and foreign keys to it."""

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.name}"

    def column(self, attnum: int) -> Column | None:
        return next((column for column in self.columns if column.attnum == attnum), None)


@dataclass(frozen=True, slots=True)
class Type:
    """A row of pg_type."""

    oid: int
    schema: str
    name: str
    kind: str
    """typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange."""
    element: int = 0
    """Element type of a true array (typcategory A), else 0."""
    base: int = 0
    """Type under a domain, else 0."""
    relation: int = 0
    """pg_class OID of a composite type, else 0."""
    labels: tuple[str, ...] = ()
    """Labels of an enum, in order."""
    delimiter: str = ","
    """typdelim: between array elements in text format (";" for box)."""
    is_user_checked: bool = False
    """Contains, at any depth, a domain whose CHECK calls a function that is not built in (opaque, ATTACK H1, H2)."""
    members: tuple[int, ...] = ()
    """Types of a composite's attributes, or the subtype of a range."""
    version: str = ""
    """As `Relation.version`."""


@dataclass(frozen=True, slots=True)
class Function:
    """A row of pg_proc, with what an aggregate calls."""

    oid: int
    schema: str
    name: str
    kind: str = "f"
    """prokind: f function, p procedure, a aggregate, w window."""
    language: str = "internal"
    security_definer: bool = False
    calls: tuple[int, ...] = ()
    """Functions an aggregate calls (transition, final, combine, …), those that defaults of parameters call, and the
    built-in ones whose code a function in LANGUAGE internal is."""
    version: str = ""
    """As `Relation.version`."""
    is_strict: bool = False
    result_types: tuple[int, ...] = ()
    """Of its result: the types of RETURNS TABLE or OUT parameters, else the one that it returns."""
    settings: tuple[str, ...] = ()
    """What its SET clauses set, as "name=value"."""
    source: Source | None = None
    """Of a function that is read by its names."""
    compiled: str = ""
    """In C: the library (probin); internal: the server's own function (prosrc)."""
    state_types: tuple[int, ...] = ()
    """Of an aggregate: the types of its states, also of that in a moving window; they may be polymorphic."""
    is_only_mentioned: bool = False
    """Only the source of another function leads to it."""

    @property
    def is_builtin(self) -> bool:
        return self.oid < FIRST_NORMAL_OID

    @property
    def is_alias(self) -> bool:
        """It is nothing but the functions in `calls`: an aggregate, or built-in code under another name."""
        return not self.is_builtin and self.language == "internal" and bool(self.calls)

    @property
    def is_sql(self) -> bool:
        """Its body is SQL that the server analyses, and no setting of its own changes what that means."""
        is_body = not self.is_builtin and self.language == "sql" and self.kind == "f" and self.has_harmless_settings
        is_polymorphic = self.source is not None and self.source.takes_any_type
        return is_body and not is_polymorphic and not self.is_only_mentioned

    @property
    def has_harmless_settings(self) -> bool:
        return {setting.partition("=")[0].lower() for setting in self.settings} <= _HARMLESS_SETTINGS

    @property
    def search_path(self) -> str | None:
        """The one that it sets for itself."""
        return next((text.partition("=")[2] for text in self.settings if text.startswith("search_path=")), None)


ACTIVITY = Relation(
    oid=2022,
    schema="pg_catalog",
    name="pg_stat_get_activity",
    kind="f",
    columns=(Column(6, "query", 25),),
)
"""The rows of pg_stat_get_activity(integer), by the function's OID (one below 10000 is no relation's as well):
of its columns the one that holds other sessions' statements."""
PREPARED_STATEMENTS = Relation(2510, "pg_catalog", "pg_prepared_statement", "f", columns=(Column(2, "statement", 25),))
CURSORS = Relation(2511, "pg_catalog", "pg_cursor", "f", columns=(Column(2, "statement", 25),))
"""Likewise: the session's own statements, as they are upstream, with the real values of tokens."""
FUNCTION_ROWS: Final[Mapping[int, Relation]] = {one.oid: one for one in (ACTIVITY, PREPARED_STATEMENTS, CURSORS)}
"""What stands for the rows of built-in functions, by their OIDs."""


class Laid(Mapping[int, T]):
    """A mapping laid over another; none of both is copied. A statement's analysis looks hundreds of objects up here."""

    __slots__ = ("_below", "_over")

    def __init__(self, over: Mapping[int, T], below: Mapping[int, T]) -> None:
        self._over = over
        self._below = below

    def __getitem__(self, oid: int) -> T:
        return self._over[oid] if oid in self._over else self._below[oid]

    def get(self, oid: int, default: Any = None) -> Any:
        return self._over[oid] if oid in self._over else self._below.get(oid, default)

    def __contains__(self, oid: object) -> bool:
        return oid in self._over or oid in self._below

    def __iter__(self) -> Iterator[int]:
        yield from self._over
        yield from (oid for oid in self._below if oid not in self._over)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Objects of one database by OID. Absent means not loaded, never "does not exist"."""

    server_version: int = 0
    """server_version_num // 10000: 15, 16, 17, 18."""
    relations: Mapping[int, Relation] = field(default_factory=lambda: dict(FUNCTION_ROWS))
    types: Mapping[int, Type] = field(default_factory=dict)
    functions: Mapping[int, Function] = field(default_factory=dict)
    operators: Mapping[int, int] = field(default_factory=dict)
    """Operator OID → OID of its function (pg_operator.oprcode)."""

    def with_objects(
        self,
        relations: Iterable[Relation] = (),
        types: Iterable[Type] = (),
        functions: Iterable[Function] = (),
        operators: Mapping[int, int] | None = None,
    ) -> Catalog:
        """This catalog with these objects laid over it."""
        return replace(
            self,
            relations={**self.relations, **{r.oid: r for r in relations}},
            types={**self.types, **{t.oid: t for t in types}},
            functions={**self.functions, **{f.oid: f for f in functions}},
            operators={**self.operators, **(operators or {})},
        )

    def under(self, newer: Catalog) -> Catalog:
        """This catalog with another laid over it, as `with_objects`, but none of both is copied."""
        return Catalog(
            self.server_version,
            Laid(newer.relations, self.relations),
            Laid(newer.types, self.types),
            Laid(newer.functions, self.functions),
            Laid(newer.operators, self.operators),
        )

    def descendants(self, oid: int) -> tuple[int, ...]:
        """All inheritance children and partitions of a relation, at any depth."""
        seen: list[int] = []
        queue = list(self.relations[oid].children) if oid in self.relations else []
        while queue:
            child = queue.pop(0)
            if child not in seen:
                seen.append(child)
                if child in self.relations:
                    queue.extend(self.relations[child].children)
        return tuple(seen)

    def ancestors(self, oid: int) -> tuple[int, ...]:
        """All inheritance ancestors of a relation, nearest first."""
        seen: list[int] = []
        queue = list(self.relations[oid].parents) if oid in self.relations else []
        while queue:
            parent = queue.pop(0)
            if parent not in seen:
                seen.append(parent)
                if parent in self.relations:
                    queue.extend(self.relations[parent].parents)
        return tuple(seen)
