"""Tricks with names and times of prepared statements and portals: what runs is what was decided."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgproxy.wire.query import Bind, Close, Describe, Execute, Parse, Query, Sync
from tests.clients.people import Place
from tests.clients.wire_client import Said, WireClient, connected

HARMLESS = "SELECT id, plain_name FROM users ORDER BY id LIMIT 2"
MASKED = "SELECT id, name FROM users ORDER BY id LIMIT 2"
AS_LONG_AS_A_NAME = "a" * 63


@pytest.fixture
def agent(place: Place) -> Iterator[WireClient]:
    with connected(place.masked) as client:
        yield client


@pytest.fixture
def names(place: Place) -> set[bytes]:
    """The stored names."""
    return {name.encode() for (name,) in place.database.sql("SELECT name FROM users WHERE name IS NOT NULL")}


def values(said: list[Said]) -> set[object]:
    return {value for one in said if one[0] == "DataRow" for value in one[1:]}


def dates(said: list[Said]) -> set[object]:
    return values(said) - {b"SQL, DMY"}


def states(said: list[Said]) -> list[object]:
    return [one[1] for one in said if one[0] == "ErrorResponse"]


def test_names_that_the_server_takes_for_one_are_refused(agent: WireClient, names: set[bytes]) -> None:
    one, other = AS_LONG_AS_A_NAME + "x", AS_LONG_AS_A_NAME + "y"
    assert states(agent.ask(Parse(one, HARMLESS), Sync())) == ["42501"]
    assert not states(agent.ask(Parse(AS_LONG_AS_A_NAME, MASKED), Sync()))
    for trick in (
        Close("S", other),
        Bind("", other),
        Bind(other, AS_LONG_AS_A_NAME),
        Describe("S", other),
        Execute(other),
    ):
        assert states(agent.ask(trick, Sync())) == ["42501"]
    assert not names & values(agent.ask(Bind("", AS_LONG_AS_A_NAME), Execute(""), Sync()))


def test_reserved_names_are_refused(agent: WireClient) -> None:
    ours = "_pgproxy_catalog"
    agent.ask(Parse("", HARMLESS), Bind("", ""), Execute(""), Sync())
    for trick in (
        Parse(ours, "SELECT 1"),
        Bind("", ours),
        Bind(ours, ""),
        Describe("S", ours),
        Close("S", ours),
        Execute(ours),
    ):
        assert states(agent.ask(trick, Sync())) == ["42501"]
    assert states(agent.ask(Query(f"DEALLOCATE {ours}"))) == ["42501"]


def test_a_refused_bind_does_not_hide_that_the_view_changed(agent: WireClient, names: set[bytes]) -> None:
    """A new meaning is announced once; who fails that Bind must not have the next one under the old decision."""
    agent.ask(Query("CREATE TEMP VIEW seen AS SELECT id, plain_name AS x FROM users"))
    agent.ask(Parse("s", "SELECT x FROM seen"), Sync())
    agent.ask(Query("CREATE OR REPLACE TEMP VIEW seen AS SELECT id, name AS x FROM users"))
    assert states(agent.ask(Bind("", "s", (), (), (0, 0, 0)), Execute(""), Sync())) == ["08P01"]
    said = agent.ask(Bind("", "s"), Execute(""), Sync())
    assert values(said) and not names & values(said)


def test_a_portal_keeps_the_decision_it_was_bound_under(agent: WireClient, names: set[bytes]) -> None:
    agent.ask(Query("BEGIN"), Query("CREATE TEMP VIEW seen AS SELECT id, name AS x FROM users"))
    agent.ask(Parse("s", "SELECT x FROM seen"), Bind("p", "s"), Sync())
    agent.ask(Query("CREATE OR REPLACE TEMP VIEW seen AS SELECT id, plain_name AS x FROM users"))
    agent.ask(Bind("q", "s"), Sync())
    said = agent.ask(Execute("p"), Sync())
    assert values(said) and not names & values(said)


@pytest.mark.parametrize("milliseconds", [1, 2, 3, 5, 8])
def test_a_statement_whose_analysis_timed_out_is_not_bound(
    agent: WireClient, names: set[bytes], milliseconds: int
) -> None:
    agent.ask(Parse("", HARMLESS), Bind("", ""), Execute(""), Sync())
    agent.ask(Query(f"SET statement_timeout = {milliseconds}"))
    agent.ask(Parse("", MASKED), Sync())
    agent.ask(Parse("named", MASKED), Sync())
    agent.ask(Query("SET statement_timeout = 0"))
    for name in ("", "named"):
        said = agent.ask(Bind("", name), Execute(""), Sync())
        assert not names & values(said)
    assert not states(agent.ask(Close("S", "named"), Parse("named", HARMLESS), Bind("", "named"), Execute(""), Sync()))


def test_what_was_not_decided_is_unknown(agent: WireClient) -> None:
    assert states(agent.ask(Query(MASKED), Bind("", ""), Execute(""), Sync())) == ["26000"]
    assert states(agent.ask(Execute("nowhere"), Sync())) == ["34000"]
    assert states(agent.ask(Describe("S", "nowhere"), Sync())) == ["26000"]


def test_a_string_that_fails_forgets_only_what_it_reached(agent: WireClient) -> None:
    agent.ask(Parse("s", HARMLESS), Sync())
    assert states(agent.ask(Query("SET application_name = 'x'; DROP TABLE nowhere; DEALLOCATE s"))) == ["42P01"]
    assert not states(agent.ask(Bind("", "s"), Execute(""), Sync()))


@pytest.mark.parametrize("change", ["SET datestyle = 'SQL, DMY'", "SELECT set_config('datestyle', 'SQL, DMY', false)"])
def test_a_style_of_dates_set_in_the_same_batch_shows_no_day(agent: WireClient, change: str) -> None:
    """ParameterStatus comes at the end of a batch: until then the session asks, or masks as NULL."""
    born = "SELECT birth_date FROM users ORDER BY id"
    said = agent.ask(Query(f"{change}; {born}"))
    assert dates(said) == {None, b"01/01/1999", b"01/01/1815", b"01/01/2024"}
    agent.ask(Query("SET datestyle = ISO"))
    agent.ask(Query("BEGIN"), Parse("s", change), Bind("s", "s"), Parse("q", born), Bind("q", "q"), Sync())
    said = agent.ask(Execute("s"), Execute("q"), Sync())
    assert dates(said) == {None}
