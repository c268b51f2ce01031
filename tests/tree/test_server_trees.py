"""Trees as real servers send them, and what names can do to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgproxy.errors import NotUnderstood
from pgproxy.statements.tree import read_tree
from tests.servers import Database
from tests.tree.announcing import Announcer, Rejected
from tests.tree.record import statements

SCHEMA = (Path(__file__).parent / "schema.sql").read_text()


@pytest.fixture(scope="module")
def announcer(database: Database) -> Iterator[Announcer]:
    database.sql(SCHEMA)
    made = Announcer(database.dsn())
    yield made
    made.close()


def test_every_statement_of_the_corpus_is_read(announcer: Announcer) -> None:
    read = 0
    for statement in statements():
        try:
            text = announcer.tree(statement)
        except Rejected:
            continue
        read_tree(text, announcer.version)
        read += 1
    assert read > 90


FORGERIES = {
    "a field": 'select ssn as ":expr" from users',
    "spaces that are none": 'select id, ssn as "a\v:expr\v<>" from users',
    "a fold inside": f'select ssn as "{"}" * 39}:expr" from users',
    "a fold behind a backslash": f'select ssn as "a{"}" * 45}" from users',
    "a fold inside a letter": f'select ssn as "{"(" * 25}{"€" * 12}" from users',
    "a quote": 'select ssn as """x" from users',
    "nothing": 'select ssn as "<>" from users',
    "a number": 'select ssn as "12" from users',
    "a datum": 'select ssn as "4 [ 1 2 ]" from users',
}


@pytest.mark.parametrize("statement", FORGERIES.values(), ids=FORGERIES)
def test_a_name_cannot_change_what_is_read(announcer: Announcer, statement: str) -> None:
    try:
        query = read_tree(announcer.tree(statement), announcer.version)["queries"][0]
    except NotUnderstood:
        return
    last = query["targetList"][-1]
    assert last["expr"].tag == "VAR" and last["expr"]["varattno"] == 5
    assert f'"{last["resname"].replace(chr(34), chr(34) * 2)}"' in statement


@pytest.mark.parametrize("padding", range(15, 45))
def test_two_names_that_fold_alike_are_not_mixed_up(announcer: Announcer, padding: int) -> None:
    """A newline in a name must not read as a space of another name."""
    text = announcer.tree(
        'with "q\n   z" as (select id, name from products), "q    z" as (select id, ssn from users) '
        f'select * from "q    z" as "{"p" * padding}"'
    )
    with pytest.raises(NotUnderstood):
        read_tree(text, announcer.version)


def test_utility_statements_are_refused(announcer: Announcer) -> None:
    for statement in ("create table t()", "explain select 1", "declare c cursor for select 1", "copy users to stdout"):
        for text in announcer.trees(statement):
            with pytest.raises(NotUnderstood):
                read_tree(text, announcer.version)
