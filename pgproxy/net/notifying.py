"""Tells the receivers of `notify` about approvals, and counts the decisions that come back in their answers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pgproxy.approvals.links import Links
from pgproxy.approvals.messages import slack, teams, webhook
from pgproxy.approvals.messages.notice import Notice, NoticeType, notice, settling_vote
from pgproxy.approvals.messages.undelivered import Undelivered
from pgproxy.approvals.model import Approval, CannotDecide, Event, Kind, Person
from pgproxy.config.settings import Notify, Settings
from pgproxy.net.channel import Attempts, Channel, Delivery, Times
from pgproxy.net.desk import ApprovalDesk
from pgproxy.net.posting import Reply
from pgproxy.storage.store import StoreUnavailable

log = logging.getLogger("pgproxy.notify")

DECIDING: Final = 200
DEFAULT_TIMES: Final = Times()


class Notifier:
    """Listens at the desk from the beginning; what comes before `start` waits for it."""

    def __init__(self, settings: Settings, desk: ApprovalDesk, times: Times = DEFAULT_TIMES) -> None:
        self._links = Links(settings.masking_key)
        self._site: str | None = None
        self._early: list[tuple[NoticeType, Approval]] = []
        receivers = [
            _Receiver(f"{entry.kind} {number}", entry, settings, desk, times.clock)
            for number, entry in enumerate(settings.notify, 1)
        ]
        self._channels = [(receiver, Channel(receiver, times)) for receiver in receivers]
        self._has_one_slack = [entry.kind for entry in settings.notify].count("slack") == 1
        if self._channels:
            desk.watchers.requested.append(lambda approval: self._tell(NoticeType.REQUESTED, approval))
            desk.watchers.resolved.append(lambda approval: self._tell(NoticeType.RESOLVED, approval))

    def start(self, site: str) -> None:
        """
        Args:
            site: where reviewers reach the pages.
        """
        self._site = site.rstrip("/")
        early, self._early = self._early, []
        for kind, approval in early:
            self._tell(kind, approval)

    async def close(self) -> None:
        """What is not delivered by now is in the store as such when this returns."""
        await asyncio.gather(*(channel.close() for _, channel in self._channels))

    def _tell(self, kind: NoticeType, approval: Approval) -> None:
        if self._site is None:
            self._early.append((kind, approval))
            return
        for receiver, channel in self._channels:
            if self._saw_it_happen(receiver.entry, kind, approval):
                continue
            try:
                told = notice(kind, approval, receiver.entry, self._links, self._site)
                channel.send(Delivery(kind, approval.id, _content(receiver.entry, told)))
            except Exception as error:  # whoever waits for the approval must not suffer; the text may hold a value
                log.error("notify %s: %s of %s: %s", receiver.name, kind, approval.id, type(error).__name__)

    def _saw_it_happen(self, entry: Notify, kind: NoticeType, approval: Approval) -> bool:
        """Whoever decides in Slack sees the card itself change there."""
        if entry.kind != "slack" or kind is not NoticeType.RESOLVED or not self._has_one_slack:
            return False
        vote = settling_vote(approval)
        return vote is not None and vote.via == "slack"


@dataclass(frozen=True, slots=True)
class _Receiver:
    """An entry of the configuration."""

    name: str
    """Kind and place in the list."""
    entry: Notify
    settings: Settings = field(repr=False)
    desk: ApprovalDesk = field(repr=False)
    clock: Callable[[], float]

    @property
    def url(self) -> str:
        return self.entry.url

    def headers(self, delivery: Delivery) -> Mapping[str, str]:
        if self.entry.kind != "webhook":
            return {}
        return webhook.headers(self.entry.secret or "", delivery.message_id, self.clock(), delivery.content)

    async def received(self, delivery: Delivery, reply: Reply) -> None:
        """Count the decision in an answer, where there is one."""
        if self.entry.kind != "webhook" or delivery.type is not NoticeType.REQUESTED or reply.status != DECIDING:
            return
        found = webhook.answer(reply.content)
        if found is None:
            return
        name, approval_id = self.name, delivery.approval_id
        reviewer = self.settings.reviewers.get(found.reviewer)
        if reviewer is None or (self.entry.may_decide is not None and reviewer.name not in self.entry.may_decide):
            log.warning("notify %s: a decision on %s by nobody who may decide there", name, approval_id)
            return
        event = Event(Kind.VOTED, self.clock(), decision=found.decision, comment=found.comment, via="webhook")
        try:
            await self.desk.decide(approval_id, Person(reviewer.name, reviewer.groups), event)
        except CannotDecide as error:
            log.warning("notify %s: a decision on %s does not count: %s", name, approval_id, error)
        except StoreUnavailable as error:
            log.error("notify %s: a decision on %s is lost: %s", name, approval_id, error)

    async def given_up(self, delivery: Delivery, attempts: Attempts) -> None:
        store = self.desk.store
        if store is None:
            return
        made, problem = attempts.made, attempts.problem
        kind, approval_id = str(delivery.type), delivery.approval_id
        one = Undelivered(delivery.message_id, self.clock(), self.name, kind, approval_id, made, problem)
        try:
            await store.bury(one)
        except StoreUnavailable as error:
            log.error("notify %s: %s is not kept as undelivered: %s", self.name, approval_id, error)


def _content(entry: Notify, told: Notice) -> bytes:
    if entry.kind == "webhook":
        return webhook.body(told)
    return json.dumps(slack.card(told) if entry.kind == "slack" else teams.card(told)).encode()
