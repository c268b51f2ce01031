"""LISTEN under masks: a payload that the session did not send itself may hold a value."""

from __future__ import annotations

import psycopg

from tests.clients.people import Place


def test_payloads_of_other_sessions_are_withheld(place: Place) -> None:
    with (
        psycopg.connect(place.masked, autocommit=True) as agent,
        psycopg.connect(place.revealed, autocommit=True) as dba,
        psycopg.connect(place.raw, autocommit=True) as application,
    ):
        for listener in (agent, dba):
            listener.execute("LISTEN users")
        application.execute("SELECT pg_notify('users', name) FROM users WHERE id = 1")
        application.execute("NOTIFY users")
        sent = [("users", payload) for payload in ("Ada Lovelace", "")]
        assert [(n.channel, n.payload) for n in dba.notifies(stop_after=2, timeout=10)] == sent
        seen = [(n.channel, n.payload) for n in agent.notifies(stop_after=2, timeout=10)]
        assert seen == [("users", "[redacted]"), ("users", "")]


def test_its_own_come_whole(place: Place) -> None:
    with psycopg.connect(place.masked, autocommit=True) as agent:
        agent.execute("LISTEN mine")
        agent.execute("SELECT pg_notify('mine', plain_name) FROM users WHERE id = 1")
        agent.execute("NOTIFY mine, 'as written'")
        assert [n.payload for n in agent.notifies(stop_after=2, timeout=10)] == ["Ada Lovelace", "as written"]
