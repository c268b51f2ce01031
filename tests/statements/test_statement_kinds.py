"""Every kind of statement: its class, which rules speak of, and how it is handled. A row is a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgast import pg_query_pb2 as pb

from pgproxy.statements.grammar import split
from pgproxy.statements.grammar_kinds import KINDS
from pgproxy.statements.model import Handling, Setting, StatementClass

LINES = (Path(__file__).parent / "cases" / "kinds.txt").read_text().splitlines()
ROWS = [tuple(part.strip() for part in line.split("|", 2)) for line in LINES if line and not line.startswith("#")]


@pytest.mark.parametrize(("handling", "statement_class", "sql"), ROWS, ids=[row[2][:60] for row in ROWS])
def test_kind_of_statement(handling: str, statement_class: str, sql: str) -> None:
    (raw,) = split(sql)
    assert (raw.handling, raw.statement_class) == (Handling(handling), StatementClass(statement_class))
    assert bool(raw.refusal) == bool(raw.hint) == (raw.handling in (Handling.REFUSE, Handling.CODE))


def test_table_names_only_nodes_of_the_grammar() -> None:
    nodes = {field.message_type.name for field in pb.Node.DESCRIPTOR.fields}
    assert set(KINDS) <= nodes


def test_statement_that_is_not_listed_is_refused_by_name() -> None:
    (raw,) = split("alter text search configuration c add mapping for word with d")
    assert raw.refusal == "ALTER TS CONFIGURATION cannot be used by an identity with masked columns."


@pytest.mark.parametrize(
    ("sql", "setting"),
    [
        ("set search_path to a, b", Setting("search_path", "a, b")),
        ('SET Search_Path TO "A,b", c', Setting("search_path", '"A,b", c')),
        ('set "ROLE" to postgres', Setting("role", "postgres")),
        ("set local statement_timeout = 100", Setting("statement_timeout", "100", is_local=True)),
        ("set extra_float_digits = -15", Setting("extra_float_digits", "-15")),
        ("set seq_page_cost = 1.5", Setting("seq_page_cost", "1.5")),
        ("set enable_seqscan to off", Setting("enable_seqscan", "off")),
        ("set enable_seqscan to true", Setting("enable_seqscan", "true")),
        ("set pgproxy.reason = 'ticket 4711'", Setting("pgproxy.reason", "ticket 4711")),
        ("set time zone 'UTC'", Setting("timezone", "UTC")),
        ("set time zone local", Setting("timezone", None)),
        ("set datestyle to iso, dmy", Setting("datestyle", "iso, dmy")),
        ("set schema 'a'", Setting("search_path", "a")),
        ("set names 'latin1'", Setting("client_encoding", "latin1")),
        ("set work_mem to default", Setting("work_mem", None)),
        ("reset work_mem", Setting("work_mem", None)),
        ("reset all", Setting("all", None)),
        ("show all", Setting("all", None)),
        ("SHOW TIME ZONE", Setting("timezone", None)),
        ("set session authorization x", Setting("session_authorization", "x")),
        ("set role none", Setting("role", "none")),
    ],
)
def test_setting_is_named(sql: str, setting: Setting) -> None:
    assert split(sql)[0].setting == setting


@pytest.mark.parametrize(
    ("sql", "forgets_statements", "forgets"),
    [
        ("deallocate p", True, "p"),
        ("deallocate prepare all", True, None),
        ("discard all", True, None),
        ("discard plans", False, None),
        ("discard temp", False, None),
        ("close all", False, None),
    ],
)
def test_forgotten_statements_are_named(sql: str, forgets_statements: bool, forgets: str | None) -> None:
    (raw,) = split(sql)
    assert (raw.forgets_statements, raw.forgets) == (forgets_statements, forgets)
