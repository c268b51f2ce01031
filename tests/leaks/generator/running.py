"""Runs scripts in the worlds, direct and through proxies, and compares what a client sees."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from tests.leaks.generator.builtins import read_library
from tests.leaks.generator.parts import minimised
from tests.leaks.generator.statements import Script, Statements
from tests.leaks.generator.worlds import make_role, make_worlds, masking_rules, strict_rules
from tests.leaks.worlds import Seen, seen
from tests.net.raw_client import RawClient, message, query
from tests.proxies import ProxyProcess
from tests.servers import Server

Answers = list[list[Seen]]
"""Messages, for each Query or Sync."""

_SIZES = re.compile(
    rb"width=\d+|Plan Width\": \d+|(Memory|Storage|Disk|Usage|Size)[A-Za-z\" ]*:\s*\"?\w*\"?[ \d]*(kB)?"
)
"""What EXPLAIN says of sizes."""


def requests_of(texts: Sequence[str], mode: str, parameters: Sequence[str]) -> list[bytes]:
    """What is sent, each part up to a message that brings ReadyForQuery."""
    if mode == "simple":
        return [query("; ".join(texts))]
    return [_extended(text, mode, parameters if place == 0 else ()) for place, text in enumerate(texts)]


def _extended(sql: str, mode: str, parameters: Sequence[str]) -> bytes:
    values = b"".join(len(one.encode()).to_bytes(4, "big") + one.encode() for one in parameters)
    formats = b"\0\1\0\1" if mode == "binary" else b"\0\0"
    execute = message(b"E", b"\0" + (2 if mode == "portions" else 0).to_bytes(4, "big"))
    return b"".join(
        (
            message(b"P", b"\0" + sql.encode() + b"\0\0\0"),
            message(b"D", b"S\0") if mode == "portions" else b"",
            message(b"B", b"\0\0\0\0" + len(parameters).to_bytes(2, "big") + values + formats),
            message(b"D", b"P\0"),
            execute,
            execute if mode == "portions" else b"",
            message(b"S"),
        )
    )


class Connection:
    """One session that runs each script in a transaction of its own and rolls it back."""

    def __init__(self, port: int, database: str, role: str) -> None:
        self._address = (port, database, role)
        self._client: RawClient | None = None
        self._expected = 0

    def send(self, requests: Sequence[bytes]) -> None:
        if self._client is None:
            port, database, role = self._address
            self._client = RawClient(port)
            self._client.log_in(role, database)
        self._client.send(query("begin"), *requests, query("rollback"))
        self._expected = len(requests)

    def receive(self) -> Answers:
        assert self._client is not None
        answers: Answers = []
        for place in range(self._expected + 2):
            answer = seen(self._client.read_until(b"Z"))
            if 0 < place <= self._expected:
                answers.append([_without_sizes(one) for one in answer])
            if answer[-1].tag != b"Z":
                self.close()
                break
        return answers

    def ask(self, requests: Sequence[bytes]) -> Answers:
        self.send(requests)
        return self.receive()

    def close(self) -> None:
        if self._client is not None:
            self._client.socket.close()
            self._client = None


def _without_sizes(one: Seen) -> Seen:
    if one.tag != b"D":
        return one
    return replace(one, cells=tuple(cell and _SIZES.sub(b"", cell) for cell in one.cells))


def refusal(answers: Answers) -> str | None:
    """None: everything went through. Else the rule that refused, or the server's SQLSTATE."""
    for answer in answers:
        for one in answer:
            if one.tag == b"E":
                fields = dict(one.fields)
                rule = re.match(r"rule ([\w.]+)", fields.get("D", ""))
                if rule is None:
                    return f"error {fields['C']}"
                return "masks" if rule[1].startswith("public") else rule[1]
    return None if answers and answers[-1][-1].tag == b"Z" else "closed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A script whose answers depend on a secret."""

    profile: str
    mode: str
    parameters: tuple[str, ...]
    statements: list[str]
    first: str
    second: str

    def __str__(self) -> str:
        shown = ";\n  ".join(self.statements)
        return f"[{self.profile}, {self.mode} {self.parameters}]\n  {shown}\n  1: {self.first}\n  2: {self.second}"


@dataclass(slots=True)
class Rates:
    """How many scripts PostgreSQL accepted, and how many of these the proxy, by construct and tag."""

    made: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    with_secrets: Counter[str] = field(default_factory=Counter)
    """Passed, and a masked column was named in it."""
    refusals: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def count(self, script: Script, direct: str | None, proxied: str | None) -> None:
        for tag in ("everything", script.construct, *script.tags):
            self.made[tag] += 1
            self.accepted[tag] += direct is None
            self.passed[tag] += direct is None and proxied is None
            has_secret = any(part.holds_secret for part in script.statements)
            self.with_secrets[tag] += direct is None and proxied is None and has_secret
        if direct is not None:
            self.errors[direct] += 1
        elif proxied is not None:
            self.refusals[f"{proxied} ({script.construct})"] += 1

    def share(self, tag: str = "everything") -> tuple[float, float]:
        """Accepted by PostgreSQL of all; passed by the proxy of these."""
        return self.accepted[tag] / max(self.made[tag], 1), self.passed[tag] / max(self.accepted[tag], 1)

    def __str__(self) -> str:
        lines = [f"{'':24}{'made':>7}{'accepted':>10}{'passed':>8}{'with secrets':>14}"]
        for tag, made in self.made.most_common():
            accepted, passed = self.share(tag)
            lines.append(f"{tag:24}{made:7}{accepted:10.0%}{passed:8.0%}{self.with_secrets[tag]:14}")
        lines += ["", "refused by the proxy:", *(f"{n:7} {rule}" for rule, n in self.refusals.most_common(25))]
        lines += ["", "refused by PostgreSQL:", *(f"{n:7} {state}" for state, n in self.errors.most_common(12))]
        return "\n".join(lines)


@dataclass(slots=True)
class Profile:
    """One proxy before the three worlds."""

    name: str
    first: Connection
    second: Connection
    control: Connection
    proxy: ProxyProcess

    def send(self, requests: Sequence[bytes]) -> None:
        self.first.send(requests)
        self.second.send(requests)

    def receive(self) -> tuple[Answers, Answers]:
        return self.first.receive(), self.second.receive()

    def both(self, requests: Sequence[bytes]) -> tuple[Answers, Answers]:
        self.send(requests)
        return self.receive()


class Comparison:
    """Scripts from one seed, run and compared."""

    def __init__(self, statements: Statements, direct: Connection, strict: Profile, masking: Profile) -> None:
        self.statements = statements
        self.rates = Rates()
        self.differences: list[Difference] = []
        self.noise = 0
        """Differences that the control shows too: answers that change by themselves."""
        self._direct, self._strict, self._masking = direct, strict, masking

    def run(self, number: int) -> None:
        for _ in range(number):
            self.compare(self.statements.script())

    def compare(self, script: Script) -> None:
        requests = requests_of(script.texts, script.mode, script.parameters)
        for one in (self._strict, self._masking, self._direct):
            one.send(requests)  # both proxies work at the same time
        stored = self._direct.receive()
        first, second = self._strict.receive()
        self.rates.count(script, refusal(stored), refusal(first))
        if first != second:
            self._found(script, self._strict)
        masked, other = self._masking.receive()
        if not only_hidden_cells_differ(masked, other, first):
            self._found(script, self._masking)

    def _found(self, script: Script, profile: Profile) -> None:
        if not self._differs(script, script.texts, profile):
            self.noise += 1
            return
        small = minimised(script.statements, lambda texts: self._differs(script, texts, profile))
        requests = requests_of(small, script.mode, script.parameters)
        shown = _difference(*profile.both(requests))
        self.differences.append(Difference(profile.name, script.mode, script.parameters, small, *shown))

    def _differs(self, script: Script, texts: list[str], profile: Profile) -> bool:
        """Twice, and the control does not."""
        requests = requests_of(texts, script.mode, script.parameters)
        hidden = self._strict.first.ask(requests)
        for _ in (1, 2):
            first, second = profile.both(requests)
            same = profile.control.ask(requests)
            if first != same or only_hidden_cells_differ(first, second, hidden):
                return False
            if profile is self._strict and first == second:
                return False
        return True


def only_hidden_cells_differ(one: Answers, other: Answers, hidden: Answers) -> bool:
    """Whether the answers differ at most in cells that the strict profile hides."""
    if one == other:
        return True
    if not len(one) == len(other) == len(hidden):
        return False
    for left_answer, right_answer, cover_answer in zip(one, other, hidden, strict=True):
        if left_answer == right_answer:
            continue
        if not len(left_answer) == len(right_answer) == len(cover_answer):
            return False
        for left, right, cover in zip(left_answer, right_answer, cover_answer, strict=True):
            if left == right or left.tag == right.tag == cover.tag == b"d":
                continue
            if not left.tag == right.tag == cover.tag == b"D":
                return False
            cells = zip(left.cells, right.cells, cover.cells, strict=True)
            if any(a != b and c is not None and b"redacted" not in c for a, b, c in cells):
                return False
    return True


def _difference(one: Answers, other: Answers) -> tuple[str, str]:
    """The first messages that differ."""
    for left, right in zip([m for a in one for m in a], [m for a in other for m in a], strict=False):
        if left != right:
            return repr(left)[:400], repr(right)[:400]
    return f"{sum(map(len, one))} messages", f"{sum(map(len, other))} messages"


@contextmanager
def comparison(server: Server, name: str, seed: int | str, folder: Path) -> Iterator[Comparison]:
    """Makes the worlds and starts the proxies."""
    make_role(server, name)
    with ExitStack() as stack:
        profiles = []
        for profile, rules in (("strict", strict_rules()), ("masking", masking_rules())):
            worlds = make_worlds(server, f"{name}_{profile}", name)  # of its own: they write at the same time
            text = yaml.safe_dump(rules, sort_keys=False)
            proxy = stack.enter_context(ProxyProcess(folder / profile, worlds[0].dsn(), rules=text))
            connections = [Connection(proxy.port, world.name, name) for world in worlds]
            first, second, control = connections
            profiles.append(Profile(profile, first, second, control, proxy))
        direct = Connection(server.port, worlds[2].name, name)
        statements = Statements(seed, read_library(worlds[0]), server.version)
        yield Comparison(statements, direct, *profiles)
        for profile_ in profiles:
            for connection in (profile_.first, profile_.second, profile_.control):
                connection.close()
            assert "Traceback" not in profile_.proxy.log, profile_.proxy.log[-3000:]
        direct.close()
