"""What sessions remember of the catalog stays within its bytes, whatever clients reach."""

from __future__ import annotations

from pgproxy.catalog.model import Catalog
from pgproxy.catalog.versions import Snapshot
from pgproxy.session.memory import OWN_SNAPSHOT_BYTES, SHARED_SNAPSHOT_BYTES, AnalysisMemory, SessionMemory
from pgproxy.statements.model import Reached

SNAPSHOT = Snapshot.of(Catalog(), Catalog())


def reaching(oid: int) -> Reached:
    return Reached(frozenset({oid}), frozenset(), frozenset(), frozenset())


def test_shared_snapshots_share_a_limit() -> None:
    memory = SessionMemory(AnalysisMemory())
    for oid in range(10):
        memory.keep(reaching(oid), SNAPSHOT, SHARED_SNAPSHOT_BYTES // 4, is_common=True)
    assert [oid for oid in range(10) if memory.snapshot(reaching(oid)) is not None] == [6, 7, 8, 9]


def test_a_session_keeps_little_of_its_own() -> None:
    memory = SessionMemory(AnalysisMemory())
    memory.keep(reaching(1), SNAPSHOT, OWN_SNAPSHOT_BYTES, is_common=False)
    memory.keep(reaching(2), SNAPSHOT, 1, is_common=False)
    assert memory.snapshot(reaching(1)) is None and memory.snapshot(reaching(2)) is SNAPSHOT
