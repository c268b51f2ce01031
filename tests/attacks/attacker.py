"""The client of the attacks: it sends bare messages and reads everything that comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.leaks.test_protocol_attacks import SYNC, bind, execute, parse
from tests.leaks.worlds import SECRETS, Seen, seen
from tests.net.raw_client import RawClient, query
from tests.proxies import ProxyProcess
from tests.servers import Database


@dataclass(frozen=True, slots=True)
class Target:
    """What is attacked. `database.sql` is another session: its owner, past the proxy."""

    database: Database
    proxy: ProxyProcess
    role: str

    @property
    def version(self) -> int:
        return self.database.server.version

    @contextmanager
    def attacker(self, **startup: str) -> Iterator[Attacker]:
        with RawClient(self.proxy.port) as client:
            client.log_in(self.role, self.database.name, (3, 0), **startup)
            yield Attacker(client)


class Attacker:
    """Every answer is searched for stored secrets before it is returned."""

    def __init__(self, client: RawClient) -> None:
        self._client = client

    def ask(self, sql: str) -> list[Seen]:
        """A simple Query."""
        return self.send(query(sql))

    def prepare(self, name: str, sql: str) -> list[Seen]:
        return self.send(parse(name, sql), SYNC)

    def run(self, name: str) -> list[Seen]:
        """Bind and Execute of a prepared statement without parameters."""
        return self.send(bind("", name), execute(), SYNC)

    def send(self, *messages: bytes) -> list[Seen]:
        """Up to the next ReadyForQuery."""
        self._client.send(*messages)
        return self.more()

    def more(self) -> list[Seen]:
        """What comes up to the next ReadyForQuery."""
        answer = seen(self._client.read_until(b"Z"))
        assert answer[-1].tag == b"Z", "the proxy closed the connection"
        told = [text.encode() for message in answer for _, text in message.fields]
        told += [cell for message in answer for cell in message.cells if cell]
        told += [message.body for message in answer if message.tag in (b"d", b"A", b"S")]
        assert not any(SECRETS.search(one) for one in told), f"a stored secret came out: {answer}"
        return answer


def cells(answer: Sequence[Seen]) -> list[tuple[bytes | None, ...]]:
    return [message.cells for message in answer if message.tag == b"D"]


def error(answer: Sequence[Seen]) -> dict[str, str]:
    """The fields of the error; empty without one."""
    return next((dict(message.fields) for message in answer if message.tag == b"E"), {})


def rule(answer: Sequence[Seen]) -> str:
    """By which rule the proxy refused; "" if it did not."""
    return error(answer).get("D", "").removeprefix("rule ").partition(":")[0]
