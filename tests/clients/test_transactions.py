"""What a denial does to a transaction: the same as an error of the server."""

from __future__ import annotations

import pytest

from pgproxy.wire import trace
from pgproxy.wire.query import Bind, Execute, Parse, Query, Sync
from tests.clients.people import Place
from tests.clients.statements import REFUSED
from tests.clients.wire_client import Said, WireClient, connected

ALL = "SELECT id, email, plain_email FROM users ORDER BY id"


def test_denial_leaves_the_rest_up_to_sync(place: Place) -> None:
    with connected(place.masked) as client, connected(place.seen) as direct:
        before: list[trace.Message] = [Parse("", ALL), Bind("", ""), Execute("")]
        after: list[trace.Message] = [Parse("", "SELECT 2"), Bind("", ""), Execute("")]
        said = client.ask(*before, Parse("", REFUSED), Bind("", ""), Execute(""), *after, Sync(), *after, Sync())
        assert said == [
            *direct.ask(*before, Sync())[:-1],
            ("ErrorResponse", "42501"),
            ("ReadyForQuery", "I"),
            *direct.ask(*after, Sync()),
        ]


def test_several_denials_each_end_at_their_sync(place: Place) -> None:
    denied: list[Said] = [("ErrorResponse", "42501"), ("ReadyForQuery", "I")]
    with connected(place.masked) as client:
        said = client.ask(*(message for _ in range(5) for message in (Parse("", REFUSED), Execute(""), Sync())))
        assert said == denied * 5


def status_of(client: WireClient, *messages: trace.Message) -> list[Said]:
    return [message for message in client.ask(*messages) if message[0] in ("ErrorResponse", "ReadyForQuery")]


@pytest.mark.parametrize(
    "denied",
    [[Query(REFUSED)], [Parse("", REFUSED), Sync()], [Query(f"SELECT 1; {REFUSED}; SELECT 2")]],
    ids=["simple", "extended", "script"],
)
def test_denial_in_a_transaction_aborts_it(place: Place, denied: list[trace.Message]) -> None:
    with connected(place.masked) as client:
        client.ask(Query("BEGIN"))
        client.ask(Query("UPDATE users SET plain_age = 5"))
        assert status_of(client, *denied) == [("ErrorResponse", "42501"), ("ReadyForQuery", "E")]
        for messages in ([Query("SELECT 1")], [Parse("", ALL), Sync()], [Query(REFUSED)]):
            assert status_of(client, *messages) == [("ErrorResponse", "25P02"), ("ReadyForQuery", "E")]
        assert client.ask(Query("COMMIT")) == [("CommandComplete", "ROLLBACK"), ("ReadyForQuery", "I")]
        assert client.ask(Query("SELECT count(*) FROM users WHERE plain_age = 5"))[1] == ("DataRow", b"0")


def test_savepoint_recovers_from_a_denial(place: Place) -> None:
    with connected(place.masked) as client:
        client.ask(Query("BEGIN"))
        client.ask(Query("UPDATE users SET plain_age = 5 WHERE id = 1"))
        client.ask(Query("SAVEPOINT s"))
        assert status_of(client, Query(REFUSED)) == [("ErrorResponse", "42501"), ("ReadyForQuery", "E")]
        assert client.ask(Query("ROLLBACK TO s")) == [("CommandComplete", "ROLLBACK"), ("ReadyForQuery", "T")]
        assert client.ask(Query("SELECT count(*) FROM users WHERE plain_age = 5"))[1] == ("DataRow", b"1")
        assert status_of(client, Query("ROLLBACK")) == [("ReadyForQuery", "I")]


@pytest.mark.parametrize("place_of_it", ["first", "middle", "last"])
def test_denial_in_a_script_takes_back_what_ran_before(place: Place, place_of_it: str) -> None:
    update = "UPDATE users SET plain_age = 99"
    statements = {
        "first": [REFUSED, update, "SELECT 1"],
        "middle": [update, REFUSED, "SELECT 1"],
        "last": [update, "SELECT 1", REFUSED],
    }[place_of_it]
    with connected(place.masked) as client:
        said = client.ask(Query("; ".join(statements)))
        assert said[-2:] == [("ErrorResponse", "42501"), ("ReadyForQuery", "I")]
        assert sum(message[0] == "CommandComplete" for message in said) == statements.index(REFUSED)
        assert client.ask(Query("SELECT count(*) FROM users WHERE plain_age = 99"))[1] == ("DataRow", b"0")


def test_denial_in_a_pipeline_takes_back_what_ran_before(place: Place) -> None:
    with connected(place.masked) as client:
        said = client.ask(
            Parse("", "UPDATE users SET plain_age = 98"), Bind("", ""), Execute(""), Parse("", REFUSED), Sync()
        )  # fmt: skip
        assert [message[0] for message in said] == [
            "ParseComplete", "BindComplete", "CommandComplete", "ErrorResponse", "ReadyForQuery",
        ]  # fmt: skip
        assert client.ask(Query("SELECT count(*) FROM users WHERE plain_age = 98"))[1] == ("DataRow", b"0")
