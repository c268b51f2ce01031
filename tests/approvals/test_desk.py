"""The desk with a clock of the test's: expiry, reminders, tickets, grants, racing and dying proxies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgproxy.approvals.model import Decision, Status
from pgproxy.config.settings import Holds, IdentitySettings
from pgproxy.net.desk import DEAD_SECONDS, REMIND_SECONDS
from pgproxy.policy.holds import Hold
from pgproxy.session.holds import ClientMode, Filed, Granted, HoldEvent, Outcome, Refused
from pgproxy.storage.approvals import ApprovalStore
from pgproxy.storage.store import StoreUnavailable
from tests.approvals.office import SETTINGS, Client, Office, opened
from tests.approvals.requests import AGENT, request


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as office:
        yield office


async def test_ten_minutes_of_waiting(office: Office) -> None:
    desk = await office.desk()
    client = await Client(desk).ask()
    for _ in range(20):
        office.clock.now += REMIND_SECONDS
        await desk.tick()
    assert len(client.heard) == 21
    assert all(isinstance(one, Filed) for one in client.heard)
    await office.decide(client.id)
    await desk.tick()
    assert isinstance(client.last, Granted)
    assert client.last.permit.approval_id == client.id
    desk.outcome(Outcome(client.id, 12))
    await desk.close()
    assert await office.status(client.id) is Status.EXECUTED


async def test_nobody_decides_in_time(office: Office) -> None:
    desk = await office.desk()
    client = await Client(desk).ask("DELETE FROM users", Hold("quick", expires_seconds=60.0))
    office.clock.now += 59.9
    await desk.tick()
    assert isinstance(client.last, Filed)
    office.clock.now += 0.1
    await desk.tick()
    assert client.refusal.startswith("57014 ") and client.id in client.refusal
    assert await office.status(client.id) is Status.EXPIRED


async def test_a_denial_names_comment_and_id(office: Office) -> None:
    desk = await office.desk()
    client = await Client(desk).ask()
    await office.decide(client.id, Decision.DENY, "too many")
    await desk.tick()
    assert client.refusal.startswith("42501 ")
    assert client.refusal.endswith(f"approval={client.id}: too many")


async def test_an_approval_releases_one_of_two_desks(office: Office) -> None:
    """Of a ticket that two connections use at once, at two proxies, one gets it."""
    first, second = await office.desk(), await office.desk()
    ticket = await Client(first).ask(mode="ticket")
    (pending,) = await office.approvals.newest()
    assert f"approval={pending.id}" in ticket.refusal
    await office.decide(pending.id)
    one = Client(first)
    other = Client(second)
    one.desk.ask(request(mode="ticket"), one.heard.append)
    other.desk.ask(request(mode="ticket"), other.heard.append)
    await first.close()
    await second.close()
    assert sorted(type(client.last).__name__ for client in (one, other)) == ["Granted", "Refused"]


@pytest.mark.parametrize(("later", "granted"), [(899.0, True), (900.0, False)])
async def test_the_time_of_a_grant_counts_from_the_approval(office: Office, later: float, granted: bool) -> None:
    desk = await office.desk()
    await Client(desk).ask(mode="ticket")
    (pending,) = await office.approvals.newest()
    office.clock.now += 800
    await office.decide(pending.id)
    office.clock.now += later
    again = await Client(desk).ask(mode="ticket")
    assert isinstance(again.last, Granted) is granted


async def test_a_ticket_is_filed_once_and_a_denied_one_refused(office: Office) -> None:
    desk = await office.desk()
    first = await Client(desk).ask(mode="ticket")
    again = await Client(desk).ask(mode="ticket")
    assert first.refusal == again.refusal
    (pending,) = await office.approvals.newest()
    await office.decide(pending.id, Decision.DENY)
    denied = await Client(desk).ask(mode="ticket")
    assert pending.id in denied.refusal and "denied" in denied.refusal
    office.clock.now += 901
    fresh = await Client(desk).ask(mode="ticket")
    assert pending.id not in fresh.refusal
    assert len(await office.approvals.newest()) == 2


async def test_other_text_or_identity_has_no_grant(office: Office) -> None:
    desk = await office.desk()
    await Client(desk).ask(mode="ticket")
    (pending,) = await office.approvals.newest()
    await office.decide(pending.id)
    other = await Client(desk).ask("DELETE FROM  users", mode="ticket")
    assert isinstance(other.last, Refused)


@pytest.mark.parametrize(
    ("holds", "own", "client", "in_transaction", "answer"),
    [
        (Holds(), None, "", False, Filed),
        (Holds(), None, "ticket", False, Refused),
        (Holds(mode="ticket"), None, "wait", False, Refused),
        (Holds(in_transaction="deny"), None, "", False, Filed),
        (Holds(in_transaction="deny"), None, "", True, Refused),
        (Holds(mode="deny"), Holds(), "", False, Refused),
        (Holds(), Holds(mode="deny"), "wait", False, Refused),
    ],
)
async def test_the_strictest_mode_counts(
    office: Office,
    holds: Holds,
    own: Holds | None,
    client: ClientMode,
    in_transaction: bool,
    answer: type[HoldEvent],
) -> None:
    identities = {"agent": IdentitySettings("agent", holds=own)}
    desk = await office.desk(replace(SETTINGS, holds=holds, identities=identities))
    asked = await Client(desk).ask(mode=client, in_transaction=in_transaction)
    assert type(asked.last) is answer
    is_denied = "deny" in {holds.mode, (own or holds).mode, holds.in_transaction if in_transaction else ""}
    assert len(await office.approvals.newest()) == (0 if is_denied else 1)


async def test_an_identity_may_have_so_many_that_wait(office: Office) -> None:
    desk = await office.desk(replace(SETTINGS, holds=Holds(max_pending=2)))
    clients = [await Client(desk).ask(f"DELETE FROM t{at}") for at in range(3)]
    assert [type(client.last) for client in clients] == [Filed, Filed, Refused]
    await office.decide(clients[0].id, Decision.DENY)
    assert isinstance((await Client(desk).ask("DELETE FROM t4")).last, Filed)


async def test_who_leaves_is_told_nothing(office: Office) -> None:
    desk = await office.desk()
    client = await Client(desk).ask()
    assert client.waiting is not None
    desk.withdraw(client.waiting, "the client left")
    await desk.close()
    assert await office.status(client.id) is Status.CANCELLED
    await desk.tick()
    assert len(client.heard) == 1


async def test_what_a_dead_proxy_held_is_settled_by_others(office: Office) -> None:
    """kill -9: who waited is gone; what was released may have run."""
    dead = await office.desk()
    waited = await Client(dead).ask("DELETE FROM a")
    released = await Client(dead).ask("DELETE FROM b")
    ticket = await Client(dead).ask("DELETE FROM c", mode="ticket")
    await office.decide(released.id)
    await dead.tick()
    assert isinstance(released.last, Granted)
    office.clock.now += DEAD_SECONDS + 1
    await office.desk()
    assert await office.status(waited.id) is Status.CANCELLED
    failed = await office.approvals.get(released.id)
    assert failed is not None and failed.status is Status.FAILED
    assert failed.finished is not None and "not known" in failed.finished.text
    (pending,) = await office.approvals.newest(Status.PENDING)
    assert pending.id in ticket.refusal  # a grant needs no connection


async def test_an_approved_ticket_survives_its_proxy(office: Office) -> None:
    dead = await office.desk()
    await Client(dead).ask(mode="ticket")
    (pending,) = await office.approvals.newest()
    await office.decide(pending.id)
    office.clock.now += DEAD_SECONDS + 1
    assert isinstance((await Client(await office.desk()).ask(mode="ticket")).last, Granted)


async def test_without_a_store_nothing_that_needs_approval_runs(office: Office) -> None:
    desk = await office.desk()

    class Away(ApprovalStore):
        def __getattribute__(self, name: str) -> object:
            raise StoreUnavailable("store: disk full")

    desk._store = Away(office.store)
    client = await Client(desk).ask()
    assert client.refusal.startswith("42501 ") and "cannot be kept" in client.refusal


async def test_watchers_hear_of_requests_and_ends(office: Office) -> None:
    desk = await office.desk()
    heard: list[tuple[str, Status]] = []
    desk.watchers.requested.append(lambda approval: heard.append(("requested", approval.status)))
    desk.watchers.resolved.append(lambda approval: heard.append(("resolved", approval.status)))
    client = await Client(desk).ask()
    await office.decide(client.id)
    await desk.tick()
    assert heard == [("requested", Status.PENDING), ("resolved", Status.APPROVED)]
    assert AGENT.name in str(client.waiting)
