"""What the proxy answers to each leak statement, as one line of text for each profile.

`python -m tests.leaks.verdicts` (with the server that `PGPROXY_TEST_SERVERS` names, default 18) writes `verdicts.txt`
anew: a change of verdict is then a difference of that file, to be read and judged like any other.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.leaks.worlds import DEFAULT, STRICT, Attack, Client, Seen, attacks, make_worlds
from tests.proxies import ProxyProcess
from tests.servers import Server, start_server

FILE = Path(__file__).parent / "verdicts.txt"
PROFILES: Mapping[str, Mapping[str, Any]] = {"strict": STRICT, "default": DEFAULT}
_ABORTED = "25P02"


def verdicts_of(attack: Attack, proxied: Client, direct: Client) -> list[str]:
    """A verdict for each statement of the attack, up to the first error.

    `deny RULE`: refused by the proxy. `error SQLSTATE`: by the server. `masks a, b`: these columns differ from what a
    direct connection gives. `pass`: nothing differs, or there are no rows.
    """
    answers = proxied.one_by_one(attack.statements), direct.one_by_one(attack.statements)
    found: list[str] = []
    for answer, stored in zip(*answers, strict=False):
        found.append(_verdict(answer, stored))
        if found[-1].startswith(("deny", "error")):
            break
    return found


def fails_direct(attack: Attack, direct: Client) -> bool:
    """Whether this server itself refuses a statement of the attack: syntax and functions of newer versions."""
    return any(message.tag == b"E" for answer in direct.one_by_one(attack.statements) for message in answer)


def _verdict(answer: Sequence[Seen], stored: Sequence[Seen]) -> str:
    for message in answer:
        if message.tag == b"E":
            fields = dict(message.fields)
            rule = re.match(r"rule ([^:]+)", fields.get("D", ""))
            return f"deny {rule[1]}" if rule else f"error {fields['C']}"
    names = [name for message in answer if message.tag == b"T" for name in re.findall(r"name='([^']*)'", str(message))]
    rows, raw = ([message.cells for message in one if message.tag in (b"D", b"d")] for one in (answer, stored))
    if len(rows) != len(raw):
        return f"pass, {len(rows)} of {len(raw)} rows"
    if rows and not names:  # COPY
        names = [f"column {place}" for place in range(1, 1 + len(rows[0]))]
    masked = [name for place, name in enumerate(names) if [r[place] for r in rows] != [r[place] for r in raw]]
    return f"masks {', '.join(masked)}" if masked else "pass"


def lines_of(attack: Attack, verdicts: Mapping[str, Sequence[str]]) -> str:
    """The block of one attack in the file."""
    return "\n".join([attack.sql, *(f"  {profile}: {'; '.join(verdicts[profile])}" for profile in verdicts)])


def written() -> dict[str, str]:
    """Statement → its block."""
    blocks = FILE.read_text().split("\n\n")[1:]
    return {block.rsplit("\n  strict: ", 1)[0]: block.rstrip("\n") for block in blocks}


def _all(server: Server) -> Iterator[str]:
    first, _ = make_worlds(server, "verdicts", "verdicts")
    direct = Client(server.port, first.name, "verdicts")
    found: dict[str, dict[str, list[str]]] = {}
    for profile, rules in PROFILES.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            ProxyProcess(Path(folder), first.dsn(), rules=yaml.safe_dump(dict(rules), sort_keys=False)) as proxy,
        ):
            proxied = Client(proxy.port, first.name, "verdicts")
            for attack in attacks():
                found.setdefault(attack.sql, {})[profile] = verdicts_of(attack, proxied, direct)
    for attack in attacks():
        yield lines_of(attack, found[attack.sql])


if __name__ == "__main__":
    version = int(os.environ.get("PGPROXY_TEST_SERVERS", "18"))
    heading = "-- The verdict that each leak statement gets; written by `python -m tests.leaks.verdicts`."
    FILE.write_text("\n\n".join([heading, *_all(start_server(version, owner=os.getpid()))]) + "\n")
