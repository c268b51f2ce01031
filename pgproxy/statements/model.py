"""What a statement means: the values that grammar, facts, tree and lineage produce, and policy reads.

No parsing here. `RawStatement` is what libpg_query says before anything was sent; `Facts` is what a person reads in the
text (sqlglot); `Lineage` is what the server's own analysed tree says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple

from pgproxy.wire.copyrows import CopyFormat


class StatementClass(StrEnum):
    """The classes rules speak of with `on:` (INTERFACE, statement classes). "all" is not one: it matches any."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    COPY_TO = "copy_to"
    COPY_FROM = "copy_from"
    DDL = "ddl"
    TRUNCATE = "truncate"
    GRANT = "grant"
    ROLE = "role"
    CALL = "call"
    DO = "do"
    EXPLAIN = "explain"
    CURSOR = "cursor"
    LISTEN = "listen"
    SET = "set"
    TRANSACTION = "transaction"
    MAINTENANCE = "maintenance"
    FUNCTION_CALL = "function_call"
    REPLICATION = "replication"


class Handling(Enum):
    """How an analysed session runs a statement; decided by the grammar alone."""

    ANALYSE = "analyse"
    """SELECT, INSERT, UPDATE, DELETE (VALUES, TABLE): the server's tree decides."""
    PASS = "pass"  # noqa: S105 - not a password
    """A utility statement that touches no data and makes no code: forwarded as it is."""
    TRANSACTION = "transaction"
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT …: forwarded, also in a failed transaction."""
    SETTING = "setting"
    """SET or RESET of one setting (see `RawStatement.setting`): by allow-list."""
    SHOW = "show"
    """SHOW of one setting (see `RawStatement.setting`; value None)."""
    WRAP = "wrap"
    """EXPLAIN, DECLARE, CREATE TABLE AS …: the statement inside decides (`RawStatement.inner`), anew for each
    execution. So do definitions over stored columns: there it is a query that uses the same columns."""
    REFRESH = "refresh"
    """REFRESH MATERIALIZED VIEW: the query of the view (`RawStatement.target`) decides, as it would run now."""
    PREPARE = "prepare"
    """PREPARE: the server announces the tree of the statement inside (`RawStatement.inner`) when it runs."""
    EXECUTE = "execute"
    """EXECUTE: what was prepared under the name (`RawStatement.prepared`) decides, and `RawStatement.arguments`."""
    FETCH = "fetch"
    """FETCH and MOVE: what the cursor (`RawStatement.cursor`) was declared for decides."""
    COPY_OUT = "copy out"
    """COPY TO STDOUT: `RawStatement.inner` decides, anew for each execution; its rows are masked."""
    COPY_IN = "copy in"
    """COPY FROM STDIN: decided as the INSERT that it is (`RawStatement.inner`)."""
    CODE = "code"
    """DO in PL/pgSQL: what the names in its code (`RawStatement.code`) mean decides, looked up for each execution."""
    REFUSE = "refuse"
    """Not covered, or never allowed where anything is masked: `RawStatement.refusal` says why."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A SET, RESET or SHOW of one name."""

    name: str
    """Lower case, as the grammar gives it; "all" for RESET ALL and SHOW ALL."""
    value: str | None
    """The new value as one text; None: DEFAULT, RESET or SHOW."""
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The relation that CREATE TABLE AS, SELECT INTO or CREATE MATERIALIZED VIEW makes."""

    name: str
    schema: str
    """As written; "": where search_path says."""
    kind: str
    """relkind: r table, m materialized view."""
    is_temporary: bool
    has_data: bool
    """False: WITH NO DATA."""
    columns: tuple[str, ...] = ()
    """Names given to the first columns."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Names under which values that are stored already are found after a definition; "" and (): as before."""

    relation: str
    """Its name before."""
    schema: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawStatement:
    """One statement of the client's text, as libpg_query splits and names it."""

    text: str
    """The exact slice of what the client sent."""
    character_offset: int
    """Where `text` begins in the client's string, in characters (for error positions)."""
    statement_class: StatementClass
    handling: Handling
    node: str
    """libpg_query's name of the top node, e.g. "SelectStmt"."""
    setting: Setting | None = None
    refusal: str = ""
    """For REFUSE, and CODE beside a clean login: one sentence that names the construct."""
    hint: str = ""
    """Likewise: what would pass."""
    forgets_statements: bool = False
    """DISCARD ALL/PLANS…, DEALLOCATE: prepared statements of the session may be gone."""
    forgets: str | None = None
    """DEALLOCATE name: the one statement that goes; None with `forgets_statements`: all."""
    inner: RawStatement | None = None
    """For WRAP, PREPARE and COPY (query): the statement inside, an exact slice of this one's text; of SELECT INTO the
    text without its INTO. For COPY of a table: the SELECT or INSERT that
    stands for it (`is_made`); for a definition the SELECT in its stead."""
    target: Target | None = None
    """For WRAP: what it makes of the rows; for REFRESH: what it fills anew."""
    prepared: str = ""
    """PREPARE and EXECUTE: the prepared statement's name."""
    arguments: RawStatement | None = None
    """EXECUTE: its arguments as the outputs of a SELECT; None: it has none."""
    literals: Mapping[int, int] = field(default_factory=dict)
    """EXECUTE: which of its arguments, from 0, are literals, and where they begin, in bytes."""
    feeds: StatementClass | None = None
    """For the `inner` of COPY: the class that rules see."""
    is_made: bool = False
    """The text is the proxy's own and only analysed: `copied` says how what it stands for differs."""
    copy: CopyFormat | None = None
    """For COPY_OUT and its `inner`: how the rows are written."""
    cursor: str = ""
    """DECLARE, FETCH and MOVE: the cursor's name."""
    is_held: bool = False
    """DECLARE … WITH HOLD: the cursor outlives its transaction."""
    is_binary: bool = False
    """DECLARE BINARY: a FETCH by simple Query brings binary values."""
    is_planned_only: bool = False
    """EXPLAIN without ANALYZE: what is inside does not run, and its constants show as they were sent."""

    moves_tables: bool = False
    """A definition's query: afterwards a table has another name, or its rows can be asked for in another one. Rules
    about the table count whatever class they are for."""
    landing: Landing | None = None
    """A definition's query."""
    code: str = ""
    """DO: its code."""
    widens: bool = False
    """Another role may read more than before: by a right, or by what a relation becomes that it reads."""
    moved_names: tuple[str, ...] = ()
    """Names of relations that stand for other rows afterwards, in code that runs already too."""
    given_names: tuple[str, ...] = ()
    """Of relations that are there afterwards, temporary ones included."""
    truncates: tuple[str, ...] = ()
    """TRUNCATE: the tables, as SQL writes names."""

    def __hash__(self) -> int:
        """Statements of one text are few: the rest only has to be equal."""
        return hash((self.text, self.character_offset))

    runs_alone: bool = False
    """DROP INDEX CONCURRENTLY: not in a transaction, so nothing can be asked before it."""

    @property
    def fires_event_triggers(self) -> bool:
        """Or may fire them. Those about databases and roles never do."""
        is_local = self.node not in ("CreatedbStmt", "DropdbStmt") and not self.runs_alone
        is_upkeep = self.node in ("RefreshMatViewStmt", "ReindexStmt")
        return (self.statement_class in (StatementClass.DDL, StatementClass.GRANT) and is_local) or is_upkeep

    @property
    def sets_code_off(self) -> bool:
        """Code that no tree shows may run with it, or may be running and find something else afterwards."""
        return bool(self.moved_names or self.truncates) or self.fires_event_triggers

    @property
    def is_definition(self) -> bool:
        """DDL or upkeep with a query in its stead."""
        return (
            self.handling is Handling.WRAP
            and self.inner is not None
            and self.inner.node == "SelectStmt"
            and self.inner.statement_class is self.statement_class
        )

    @property
    def keeps_constants_to_itself(self) -> bool:
        """A wrapper of which nobody can read its text, or the constants in it, as long as it is not the query of other
        sessions: a cursor, COPY, PREPARE, a table made of rows."""
        if self.handling is Handling.WRAP:
            return bool(self.cursor) or (self.target is not None and self.target.kind == "r")
        return self.handling in (Handling.COPY_OUT, Handling.PREPARE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the text says, for people and rules. A witness, never the source of lineage."""

    statement_class: StatementClass
    tables: tuple[str, ...] = ()
    """Relations as written ("users", "public.users"), without CTE names, in order of appearance."""
    columns: tuple[str, ...] = ()
    """Column references as written, in order of appearance."""
    has_where: bool = True
    """For UPDATE and DELETE: a WHERE that is not constant or true by form (`true`, `id = id`)."""
    reason: str = ""
    """Text of a leading `/* reason: … */` comment."""
    classes: frozenset[StatementClass] = frozenset()
    """`statement_class` and the class of every INSERT, UPDATE, DELETE or MERGE within (in a CTE, under EXPLAIN)."""
    moves_tables: bool = False
    """As `RawStatement.moves_tables`."""
    landing: Landing | None = None


class ColumnId(NamedTuple):
    """A stored column: (pg_class OID, attribute number). Number 0 is the whole row."""

    relation: int
    attnum: int


class Lasts(IntEnum):
    """How long what the server puts into an expression stays the same; the greater, the shorter."""

    FOREVER = 0
    DAY = 1
    """Two values a day, as midnight is that of the client's time zone."""
    MOMENT = 2
    """A moment that moves with the server's clock; for one execution it is the same."""
    EXECUTION = 3
    ROW = 4
    """From a sequence."""


class Constant(NamedTuple):
    """A value that the client gives: a literal, a parameter, or an expression over these alone."""

    text: str
    """Of a literal its text where the tree shows it; else begins with NUL and differs for different values and forms
    of expressions. "" for a parameter as it is."""
    parameters: tuple[int, ...] = ()
    """The parameters ($n) that it depends on, in order."""
    location: int = -1
    """Of a literal in the client's own text: where it begins, in bytes; of an expression: where one of its literals
    does; -1: it stands in no text of the client's."""
    lasts: Lasts = Lasts.FOREVER
    """How long it is the same value, if the server has a part in it."""

    def __str__(self) -> str:
        return self.text if self.text or not self.parameters else f"${self.parameters[0]}"


@dataclass(frozen=True, slots=True)
class Given:
    """A literal or a parameter of the client's that is, somewhere, compared with or written into columns as it is."""

    parameter: int
    """$n; 0: a literal."""
    location: int
    """Of a literal where it begins, in bytes; -1: a parameter."""
    type_oid: int
    columns: frozenset[ColumnId]
    """What it is compared with by equality, and what it is written into."""
    written: frozenset[ColumnId] = frozenset()
    conversions: frozenset[tuple[int, int]] = frozenset()
    """(type, typmod) of each conversion that it goes through on the way there."""
    is_elsewhere: bool = False
    """It stands in other places too, where its value can be seen."""


class Form(Enum):
    """How an output value is made from its source columns; the weakest of all ways that lead to it."""

    COPY = "copy"
    """The stored value, unchanged, in the column's own type (also through binary-compatible text/varchar casts)."""
    WHOLE = "whole"
    """The whole value kept under lower, upper, trim, a cast to text, COLLATE, COALESCE with NULL."""
    DERIVED = "derived"
    """Any other expression."""
    AGGREGATE = "aggregate"
    """Over many rows: sum, min, string_agg …"""
    COUNT = "count"
    """count(column): only how many are not null."""
    ROW = "row"
    """A whole row, or a part of one that the tree does not tell apart."""


@dataclass(frozen=True, slots=True)
class Source:
    """One column that an output's value comes from."""

    column: ColumnId
    form: Form
    json_path: tuple[str, ...] | None = None
    """For DERIVED by constant `->`, `->>`, `#>`, `#>>` steps from a json(b) column: the steps; else None."""


@dataclass(frozen=True, slots=True)
class Output:
    """One result column, in order."""

    name: str
    type_oid: int
    sources: frozenset[Source] = frozenset()
    origin: ColumnId | None = None
    """What the server's RowDescription will name for it: the column as written, of a view its own; None: nothing."""
    constants: frozenset[Constant] | None = None
    """Where nothing stored goes into it: as `Write.constants`."""


class UseKind(StrEnum):
    """What a use of a column outside the outputs can reveal."""

    NULL_TEST = "null_test"
    LITERAL = "literal"
    """= constant, IN (constants), = ANY(constants), = $n."""
    JOIN = "join"
    """= another column."""
    GROUP = "group"
    """GROUP BY, DISTINCT, PARTITION BY, set operation: equality among values."""
    ORDER = "order"
    RANGE = "range"
    """<, BETWEEN, LIKE and anything else."""


@dataclass(frozen=True, slots=True)
class Use:
    """A column whose value influences which rows, how many, or in which order, come out."""

    column: ColumnId
    kind: UseKind
    context: str
    """"where", "join", "group", "order", "having", "limit", "window", "filter", "case", "sublink", "function", …;
    "copy_null": a value equal to COPY's NULL string is written as NULL; "error", "aggregate_error": an expression
    whose success depends on the value (NULL_TEST: on whether there is one); "aggregate_growth": one that fails at
    1 GB."""
    other: ColumnId | None = None
    """For JOIN: the column on the other side."""
    constants: tuple[Constant, ...] = ()
    """For LITERAL: everything that the client may have put on the other side."""
    json_path: tuple[str, ...] | None = None
    """Set where only this constant path into a json(b) column is used (as `Source.json_path`)."""
    expression: str = ""
    """For errors: the function, or what else may fail."""


@dataclass(frozen=True, slots=True)
class Write:
    """A stored column that gets a value."""

    target: ColumnId
    sources: frozenset[Source] = frozenset()
    is_null: bool = False
    """The constant NULL."""
    constants: frozenset[Constant] | None = None
    """Where nothing stored goes into it: what the client gives (none: the server chooses); None: not known, or several
    values made from one."""
    changes_rows: bool = False
    """UPDATE, also of ON CONFLICT and MERGE: the column had a value before."""
    comes_in_rows: bool = False
    """COPY FROM STDIN: the values come with its data."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that does something with stored values besides returning a result."""

    function: str
    """ "pg_catalog.setval"."""
    sources: frozenset[Source]


@dataclass(frozen=True, slots=True)
class Reached:
    """Everything a tree names, by OID; what the catalog must know before the lineage can be traced."""

    relations: frozenset[int] = frozenset()
    functions: frozenset[int] = frozenset()
    operators: frozenset[int] = frozenset()
    types: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.relations or self.functions or self.operators or self.types)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What the server's analysed tree says of one statement. Complete, or `NotUnderstood` was raised instead."""

    outputs: tuple[Output, ...] = ()
    uses: frozenset[Use] = frozenset()
    writes: tuple[Write, ...] = ()
    written_relations: frozenset[int] = frozenset()
    relations: frozenset[int] = frozenset()
    """Every relation read or written, views and what they read included."""
    trigger_relations: frozenset[int] = frozenset()
    """Those that the code of triggers reads or writes by itself."""
    functions: frozenset[int] = frozenset()
    sets_configuration: bool = False
    """Calls set_config: a setting may change while it runs."""
    opaque: tuple[str, ...] = field(default=())
    """What cannot be analysed though the tree is complete, a phrase each ("function public.f(integer) in plpgsql")."""
    effects: tuple[Effect, ...] = ()
    """Calls with stored data in them that take effect where others, or the session later, can see it."""
    denied_functions: tuple[str, ...] = ()
    """Built-in functions that no identity with a masked column may run ("pg_catalog.pg_read_file")."""
    signals: frozenset[Constant] = frozenset()
    """Process ids of the sessions that it cancels or ends: constants and parameters."""
    reads_bodies: bool = False
    """Holds bodies of functions, whose changes the server does not announce."""
    looks_up_names: bool = False
    """Runs code of functions or triggers, whose names are looked up when it runs, be that long after the statement."""
    is_read_only: bool = True
    deleted_relations: frozenset[int] = frozenset()
    """Those of `written_relations` that lose rows."""
    given: tuple[Given, ...] = ()
    materialized: Mapping[ColumnId, frozenset[Source]] = field(default_factory=dict, hash=False)
    """What each column of the materialized views it reads was made from; views it is made from in turn included."""
    views: Mapping[ColumnId, frozenset[Source]] = field(default_factory=dict, hash=False)
    """What each column of the users' views that it reads is made from. Servers before 16 do not say."""
