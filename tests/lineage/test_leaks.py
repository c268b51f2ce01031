"""Every statement that leaks on plain PostgreSQL is seen: its leaking output has a masked source, or it is refused.

`tests/leaks/statements.sql` says what of each statement differed between two databases that differ only in the masked
columns. What shows only in the number or order of rows must be a use of a masked column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import postgast
import psycopg
import pytest

from pgproxy.errors import StatementDenied
from pgproxy.policy.secrets import is_secret
from pgproxy.statements.model import ColumnId, Lineage
from tests.lineage.analysis import Analysis
from tests.tree.announcing import Rejected

MASKED = {f"users.{name}" for name in ("email", "phone", "ssn", "salary", "notes", "profile")} | {"orders.card_number"}
MASKED |= {"users.*", "orders.*"}

ROWS_ONLY = {
    "select j.* from (users join orders on users.id=orders.user_id) as j": "created_at is now() when the row was made",
    "select 1 as one, ssn from users; select ssn from users": "output 0 of one statement, 1 of the other",
    "select id, rank() over (order by ssn), ntile(4) over (order by salary) from users": "id: the order of rows",
    "select count(*) from users where salary > 25000": "the number of rows",
    "select id from users order by ssn limit 3": "the order of rows",
    "select id, name from users order by salary desc": "the order of rows",
}
"""Statements some of whose listed outputs hold nothing masked, and why they differ all the same."""


@dataclass(frozen=True, slots=True)
class Leak:
    statement: str
    tag: str

    def __str__(self) -> str:
        return self.statement


def leaks() -> list[Leak]:
    lines = (Path(__file__).parents[1] / "leaks" / "statements.sql").read_text().splitlines()
    found = [re.fullmatch(r"(.*?)\s+--\[(.*)\]\s*", line) for line in lines if not line.startswith("--")]
    return [Leak(match[1].replace(" \\n ", "\n"), match[2]) for match in found if match]


def parts(text: str) -> list[str]:
    try:
        return [part.strip().rstrip(";") for part in postgast.split(text)]
    except Exception:  # what the grammar does not take is cut where the corpus writes "; "
        return text.split("; ")


def is_setting(part: str) -> bool:
    return re.match(r"(set|reset|discard)\b", part) is not None


@pytest.fixture(autouse=True)
def settings_back(analysis: Analysis) -> None:
    analysis.announcer.connection.execute("reset all")


def test_the_corpus_is_whole() -> None:
    assert len(leaks()) == 227


@pytest.mark.parametrize("leak", leaks(), ids=str)
def test_a_leak_is_seen_or_refused(analysis: Analysis, leak: Leak) -> None:
    lineage: Lineage | None = None

    def is_masked(column: ColumnId) -> bool:
        assert lineage is not None
        made_of = lineage.materialized.get(column, frozenset())
        relation = analysis.catalog.relations[column.relation]
        stored = relation.column(column.attnum)
        if stored is not None and is_secret(relation, stored.name):
            return True
        return analysis.name(column) in MASKED or any(is_masked(source.column) for source in made_of)

    for part in parts(leak.statement):
        if is_setting(part):
            _apply(analysis, part)
            continue
        try:
            lineage = analysis.lineage(part)
        except (StatementDenied, Rejected):
            return
        if lineage.opaque or lineage.denied_functions:
            return
        if any(is_masked(source.column) for effect in lineage.effects for source in effect.sources):
            return
        if part.startswith("select set_config("):
            _apply(analysis, part)
    assert lineage is not None
    masked_outputs = [any(is_masked(source.column) for source in output.sources) for output in lineage.outputs]
    uses_masked = any(is_masked(use.column) for use in lineage.uses)
    writes_masked = any(is_masked(source.column) for write in lineage.writes for source in write.sources)
    if leak.tag.startswith("V"):
        leaking = [int(number) for number in re.findall(r"\d+", leak.tag.split()[0])]
        if leak.statement in ROWS_ONLY:
            assert uses_masked or any(masked_outputs)
        else:
            assert all(masked_outputs[number] for number in leaking)
    elif leak.tag == "ROWS":
        assert uses_masked
    elif leak.tag.startswith("ERR"):
        assert uses_masked or writes_masked or any(masked_outputs)
    else:
        assert leak.tag == "same"


def _apply(analysis: Analysis, part: str) -> None:
    """The statements before the last may change what it means; those that would switch the analysis off are not run."""
    if re.search(r"debug_|client_min_messages|discard", part):
        return
    try:
        analysis.announcer.connection.execute(part.encode())
    except psycopg.Error:
        return
