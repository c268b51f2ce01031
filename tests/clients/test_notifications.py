"""LISTEN under masks: a payload that the session did not send itself may hold a value."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest

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


def test_those_of_the_same_identity_come_whole(place: Place) -> None:
    """Its arguments were judged; another identity's were judged by other rules."""
    with (
        psycopg.connect(place.masked, autocommit=True) as listener,
        psycopg.connect(place.masked, autocommit=True) as sender,
        psycopg.connect(place.revealed, autocommit=True) as dba,
    ):
        listener.execute("LISTEN jobs")
        sender.execute("NOTIFY jobs, 'job 7'")
        dba.execute("SELECT pg_notify('jobs', name) FROM users WHERE id = 1")
        assert [n.payload for n in listener.notifies(stop_after=2, timeout=10)] == ["job 7", "[redacted]"]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sender.execute("SELECT pg_notify('jobs', name) FROM users WHERE id = 1")


async def test_asyncpg_listens(place: Place) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener, sender = await asyncpg.connect(place.masked), await asyncpg.connect(place.masked)
    try:
        await listener.add_listener("jobs", lambda *notification: heard.put_nowait(notification[3]))
        await sender.execute("SELECT pg_notify('jobs', $1)", "job 8")
        async with asyncio.timeout(10):
            assert await heard.get() == "job 8"
    finally:
        await listener.close()
        await sender.close()
