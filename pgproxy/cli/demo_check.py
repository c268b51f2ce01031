"""What `pgproxy demo --check` drives through real sockets."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import asyncpg

from pgproxy.approvals.model import Approval
from pgproxy.config.settings import Address
from pgproxy.demo import server as demo

SQL = "SELECT id, name, email, phone, ssn, salary, birth_date, tags FROM users ORDER BY id LIMIT 3"
UNMASKED = ("id",)
DENIED = "SELECT name FROM users WHERE ssn = '123-45-6789'"


EXPORT = "SELECT id, name, email FROM users ORDER BY id LIMIT 3"
PATIENCE_SECONDS = 30.0


async def drive(address: Address, reviewer: Reviewer, say: Callable[[str], None]) -> bool:
    """Print what the agent sees beside what is stored, and what a reviewer lets pass.

    Returns:
        True if every masked column differs and the rest does not, and exports waited for their decision.
    """
    agent = await _connect(address, demo.AGENT, demo.AGENT_PASSWORD)
    dba = await _connect(address, demo.DBA, demo.DBA_PASSWORD)
    try:
        masked, stored = await agent.fetch(SQL), await dba.fetch(SQL)
        again = await agent.fetch(SQL)
        results = [("the same masks every time", [tuple(row) for row in masked] == [tuple(row) for row in again])]
        for name in stored[0].keys():
            seen, real = [row[name] for row in masked], [row[name] for row in stored]
            say(f"{name:11} {'as stored' if name in UNMASKED else 'masked':9} {seen[0]!r}  (stored: {real[0]!r})")
            is_right = seen == real if name in UNMASKED else any(s != r for s, r in zip(seen, real, strict=True))
            results.append((f"{name} is {'untouched' if name in UNMASKED else 'masked, of its own type'}", is_right))
        results.append(("a predicate on a secret is refused", await _is_denied(agent, say)))
        rows = b"".join(f"{row['id']}\t{row['name']}\t{row['email']}\n".encode() for row in stored)
        results.append(("an approved export comes, and masked", await _is_exported(agent, reviewer, rows)))
        results.append(("a denied export is an error", await _is_refused(agent, reviewer)))
    finally:
        await agent.close()
        await dba.close()
    for text, passed in results:
        say(f"{'ok  ' if passed else 'FAIL'} {text}")
    return all(passed for _, passed in results)


async def _connect(address: Address, user: str, password: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=address.host, port=address.port, user=user, password=password, database=demo.DATABASE, ssl=False
    )


async def _is_denied(agent: asyncpg.Connection, say: Callable[[str], None]) -> bool:
    try:
        await agent.fetch(DENIED)
    except asyncpg.InsufficientPrivilegeError as error:
        say(f"refused: {error.message}\n  DETAIL: {error.detail}\n  HINT: {error.hint}")
        return True
    return False


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Decides by the API on what the agent asks for."""

    http: Address
    token: str
    requested: asyncio.Queue[Approval]
    """What waits, as the proxy announces it."""
    say: Callable[[str], None]

    async def decide(self, decision: str) -> Approval:
        """On the next request."""
        approval = await asyncio.wait_for(self.requested.get(), PATIENCE_SECONDS)
        asked = approval.asked
        self.say(
            f"waits: {approval.id} rule {asked.rule}, about {asked.estimated_rows or 0:.0f} rows, {asked.reason!r}"
        )
        address = f"http://{self.http}/api/v1/approvals/{approval.id}/decision"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(address, json={"decision": decision, "comment": "as the demo does"}) as answer:
                answer.raise_for_status()
        return approval


async def _is_exported(agent: asyncpg.Connection, reviewer: Reviewer, stored: bytes) -> bool:
    found = io.BytesIO()
    await agent.execute("SET pgproxy.reason = 'monthly report'")
    export = asyncio.create_task(_export(agent, found))
    approval = await reviewer.decide("approve")
    await asyncio.wait_for(export, PATIENCE_SECONDS)
    rows = found.getvalue()
    reviewer.say(f"exported: {rows.decode().splitlines()[0]}")
    return bool(approval.asked.masked_columns) and rows.count(b"\n") == stored.count(b"\n") and rows != stored


async def _is_refused(agent: asyncpg.Connection, reviewer: Reviewer) -> bool:
    export = asyncio.create_task(_export(agent, io.BytesIO()))
    await reviewer.decide("deny")
    try:
        await asyncio.wait_for(export, PATIENCE_SECONDS)
    except asyncpg.InsufficientPrivilegeError as error:
        reviewer.say(f"denied: {error.message}\n  DETAIL: {error.detail}")
        return True
    return False


async def _export(agent: asyncpg.Connection, found: io.BytesIO) -> None:
    async def keep(block: bytes) -> None:
        found.write(block)

    await agent.copy_from_query(EXPORT, output=keep)
