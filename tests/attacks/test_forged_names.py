"""Identifiers that would forge the printed tree (H9), and names that are not what they seem.

Closed by: control characters, backslash, braces, parentheses and a leading `:` `<` `"` are refused in identifiers
before Parse; the reader takes tokens as the server's own reader does, with fixed fields for each node; names decide
nothing. Tried: without the first the reader alone still refuses or masks all of these (its own test is
tests/statements/test_identifiers).
"""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Target, cells, error

EURO = "€" * 12
FORGED = [
    'select ssn as ":expr" from users',
    'select id, ssn as "a\v:expr\v<>" from users',
    'select id, ssn as "a\r:expr\r<>" from users',
    'select id, ssn as "a\u00a0:expr\u00a0<>" from users',
    f'select ssn as "{"}" * 39}:expr" from users',
    f'select ssn as "a{"}" * 45}" from users',
    f'select ssn as "{"(" * 25}{EURO}" from users',
    'select ssn as "<>" from users',
    'select ssn as """a" from users',
    r'select ssn as "a\ b" from users',
    'select ssn as "{TARGETENTRY" from users',
    'select ssn from users as ":rtable"',
    'select ssn as U&"\\003aexpr" from users',
    'with ":ctename" as (select ssn from users) select * from ":ctename"',
]


@pytest.mark.parametrize("sql", FORGED)
def test_an_identifier_does_not_forge_the_tree(target: Target, sql: str) -> None:
    """Refused, or, where the name is harmless to the reader, masked. Alone, and declared as a cursor."""
    with target.attacker() as attacker:
        for text in (sql, f"declare c cursor with hold for {sql}; fetch 1 from c"):
            attacker.prepare("s", sql)
            attacker.run("s")
            answer = attacker.ask(text)
            assert error(answer).get("C", "42501") == "42501"
            for row in cells(answer):
                assert row[-1] == b"*******6789" or not row[-1] or b"6789" in row[-1]


@pytest.mark.parametrize("letters", range(15, 32))
@pytest.mark.parametrize("names", [("q\n   z", "q    z"), ("q \n  z", "q    z")])
def test_a_folded_name_is_not_the_other_query(target: Target, letters: int, names: tuple[str, str]) -> None:
    """The fold at 78 bytes replaces a space by a newline: another CTE of that name would be read."""
    harmless, secret = names
    sql = (
        f'with "{harmless}" as (select id, name from products), "{secret}" as (select id, ssn from users)'
        f' select * from "{secret}" as "{"p" * letters}"'
    )
    with target.attacker() as attacker:
        assert "builtin.identifiers" in error(attacker.ask(sql))["D"]


@pytest.mark.parametrize("letters", range(10, 40))
def test_spaces_in_names_are_read_wherever_the_fold_comes(target: Target, letters: int) -> None:
    """Names with spaces are common: they are not refused, and masked."""
    sql = (
        f'with "q  z" as (select id, name from products), "q   z" as (select id, ssn from users where id = 1)'
        f' select * from "q   z" as "{"p" * letters}"'
    )
    with target.attacker() as attacker:
        assert cells(attacker.ask(sql)) == [(b"1", b"*******6789")]


def test_names_of_the_catalog_do_not_forge_either(target: Target) -> None:
    """Columns, tables and schemas that an owner has named so."""
    target.database.sql(
        'create table forged (id int, ":expr" text); create view "v}" as select id, ssn as ":a" from users'
    )
    target.database.sql(f'grant select on forged, "v}}" to "{target.role}"')
    with target.attacker() as attacker:
        attacker.ask("select * from forged, users")
        attacker.ask('select * from "v}"')
        attacker.ask("select f.*, u.ssn from forged f, users u")


@pytest.mark.parametrize("encoding", ["SJIS", "GBK", "BIG5", "SHIFT_JIS_2004", "GB18030", "JOHAB", "UHC"])
def test_an_encoding_with_backslashes_inside_letters_is_refused(target: Target, encoding: str) -> None:
    """I3. Trail bytes of these are `\\` and `}`: the trees would be read wrongly."""
    with target.attacker() as attacker:
        assert "builtin.settings" in error(attacker.ask(f"set client_encoding = '{encoding}'"))["D"]
        attacker.ask("select ssn from users limit 1")
    with pytest.raises(AssertionError), target.attacker(client_encoding=encoding) as attacker:
        raise AssertionError(attacker.ask("select ssn from users limit 1"))


def test_another_encoding_stays_possible_or_is_refused_at_once(target: Target) -> None:
    """I3. A view whose inner column has no letter in LATIN1 must not fail in the middle."""
    target.database.sql(
        'create view inner_name as select q."ж" as x from (select ssn as "ж" from users where id = 1) q'
    )
    target.database.sql(f'grant select on inner_name to "{target.role}"')
    with target.attacker() as attacker:
        if not error(attacker.ask("set client_encoding = latin1")):
            assert cells(attacker.ask("select x from inner_name")) == [(b"*******6789",)]
