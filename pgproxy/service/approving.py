"""The reviewer's work without a running proxy: the store is where decisions meet whoever waits."""

from __future__ import annotations

import getpass
import time

from pgproxy.approvals.messages.undelivered import Undelivered
from pgproxy.approvals.model import (
    Approval,
    ApprovalId,
    CannotDecide,
    Decision,
    Event,
    Kind,
    NotAllowed,
    Person,
    Status,
)
from pgproxy.config.problems import nearest_or_all
from pgproxy.config.settings import Settings
from pgproxy.storage.approvals import ApprovalStore, vote
from pgproxy.storage.store import open_store


def person_named(settings: Settings, name: str) -> Person:
    """Raises NotAllowed: nobody of that name is a reviewer."""
    found = settings.reviewers.get(name)
    if found is None:
        raise NotAllowed(f"{name} is no reviewer ({nearest_or_all(name, settings.reviewers)})")
    return Person(found.name, found.groups)


async def newest(settings: Settings, status: Status | None, limit: int) -> list[Approval]:
    """Newest first. Raises StoreUnavailable."""
    store = await open_store(settings.store)
    try:
        return await ApprovalStore(store).newest(status, limit=limit)
    finally:
        await store.close()


async def one(settings: Settings, approval_id: ApprovalId) -> Approval | None:
    """Raises StoreUnavailable."""
    store = await open_store(settings.store)
    try:
        return await ApprovalStore(store).get(approval_id)
    finally:
        await store.close()


async def undelivered(settings: Settings, limit: int) -> list[Undelivered]:
    """Notifications that were given up, newest first. Raises StoreUnavailable."""
    store = await open_store(settings.store)
    try:
        return await ApprovalStore(store).undelivered(limit)
    finally:
        await store.close()


async def decide(settings: Settings, approval_id: ApprovalId, name: str, decision: Decision, comment: str) -> Approval:
    """From a terminal; the record keeps the operating system's user.

    Raises:
        CannotDecide, StoreUnavailable.
    """
    person = person_named(settings, name)
    store = await open_store(settings.store)
    try:
        event = Event(Kind.VOTED, time.time(), decision=decision, comment=comment, via="cli", by=_os_user())
        return await vote(ApprovalStore(store), approval_id, person, event)
    finally:
        await store.close()


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process without an entry in the user database
        return ""


__all__ = ["CannotDecide", "decide", "newest", "one", "person_named", "undelivered"]
