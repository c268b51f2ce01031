"""Requests and approvals made up for tests."""

from __future__ import annotations

from dataclasses import replace

from pgproxy.approvals.model import Approval, Asked
from pgproxy.login.identity import Identity
from pgproxy.policy.holds import Hold
from pgproxy.session.holds import ClientMode, HoldRequest, binding_of

AGENT = Identity("agent", ("agents",), owner="lead", database="shop")
EXPORT = Hold("export", ("security",))


def request(
    text: str = "DELETE FROM users",
    *holds: Hold,
    identity: Identity = AGENT,
    mode: ClientMode = "",
    in_transaction: bool = False,
) -> HoldRequest:
    return HoldRequest(
        identity=identity,
        statement=text,
        statement_class="delete",
        parameters=(),
        holds=holds or (EXPORT,),
        reason="ticket 4711",
        tables=("public.users",),
        columns=("public.users.id", "public.users.ssn"),
        masked_columns=("public.users.ssn",),
        estimated_rows=50.0,
        binding=binding_of(identity, text, None, ()),
        objects="one:1",
        is_opaque=False,
        in_transaction=in_transaction,
        mode=mode,
    )


def approval(*holds: Hold, owner: str = "lead", expires_at: float = 900.0) -> Approval:
    asked = Asked(
        id="apr_1",
        identity="agent",
        source="file",
        groups=("agents",),
        owner=owner,
        database="shop",
        statement="DELETE FROM users WHERE name = 'Ada'",
        statement_class="delete",
        parameters=("x", None),
        holds=holds or (EXPORT,),
        reason="ticket 4711",
        tables=("public.users",),
        columns=("public.users.ssn",),
        masked_columns=("public.users.ssn",),
        estimated_rows=50.4,
        binding="b",
        objects="one:1",
        is_opaque=False,
        in_transaction=False,
        is_ticket=False,
        process_id=1,
        requested_at=0.0,
        expires_at=expires_at,
        instance="i",
    )
    return Approval(asked)


def for_other(found: Approval, identity: str) -> Approval:
    return replace(found, asked=replace(found.asked, identity=identity))
