"""What `pgproxy demo --check` drives through real sockets."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg

from pgproxy.config.settings import Address
from pgproxy.demo import server as demo

SQL = "SELECT id, name, email, phone, ssn, salary, birth_date, tags FROM users ORDER BY id LIMIT 3"
UNMASKED = ("id",)
DENIED = "SELECT name FROM users WHERE ssn = '123-45-6789'"


async def drive(address: Address, say: Callable[[str], None]) -> bool:
    """Print what the agent sees beside what is stored. True if every masked column differs and the rest does not."""
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
