"""MERGE under masks: what it reads, writes and returns is judged as in UPDATE, INSERT and SELECT."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.people import Place

SCRATCH = """
    DROP TABLE IF EXISTS notes;
    CREATE TABLE notes (id integer PRIMARY KEY, note text, copy text);
    INSERT INTO notes VALUES (1, 'one', NULL), (99, 'none', NULL);
    GRANT ALL ON notes TO PUBLIC;
"""


@pytest.fixture(params=[False, True], ids=["simple", "extended"])
def agent(place: Place, request: pytest.FixtureRequest) -> Iterator[psycopg.Cursor[tuple[object, ...]]]:
    """A cursor that sends what it is told in one protocol; nothing it does stays."""
    place.database.sql(SCRATCH)
    with psycopg.connect(place.masked) as connection:
        yield connection.cursor(binary=request.param)
        connection.rollback()


PASSES = [
    "MERGE INTO notes n USING users u ON n.id = u.id"
    " WHEN MATCHED AND u.team = 1 THEN UPDATE SET note = u.plain_name"
    " WHEN NOT MATCHED THEN INSERT (id, note) VALUES (u.id, 'new')",
    "MERGE INTO notes n USING (VALUES (1, 'a'), (2, 'b')) AS v (id, note) ON n.id = v.id"
    " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.note)",
    "MERGE INTO users u USING notes n ON u.id = n.id WHEN MATCHED THEN UPDATE SET email = 'new@x.example'",
    "MERGE INTO users u USING users o ON u.id = o.id WHEN MATCHED THEN UPDATE SET email = o.email",
    "MERGE INTO notes n USING users u ON n.id = u.id WHEN MATCHED AND u.name IS NULL THEN DO NOTHING"
    " WHEN MATCHED AND u.name = 'Ada Lovelace' THEN DELETE",
]
DENIED = [
    "MERGE INTO notes n USING users u ON n.id = u.id WHEN MATCHED THEN UPDATE SET note = u.name",
    "MERGE INTO notes n USING users u ON n.id = u.id WHEN MATCHED THEN UPDATE SET (note, copy) ="
    " (SELECT name, email FROM users x WHERE x.id = u.id)",
    "MERGE INTO notes n USING users u ON n.id = u.id WHEN NOT MATCHED THEN INSERT (id, note) VALUES (u.id, u.name)",
    "MERGE INTO notes n USING users u ON n.id = u.id AND u.name > 'M' WHEN MATCHED THEN DELETE",
    "MERGE INTO notes n USING users u ON n.id = u.id WHEN MATCHED AND u.name LIKE 'A%' THEN DELETE",
    "MERGE INTO notes n USING (SELECT id, name FROM users ORDER BY name LIMIT 1) u ON n.id = u.id"
    " WHEN MATCHED THEN DELETE",
    "MERGE INTO notes n USING users u ON n.note = u.name WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("statement", PASSES)
def test_merge_runs(agent: psycopg.Cursor[tuple[object, ...]], statement: str) -> None:
    agent.execute(statement.encode())
    assert agent.statusmessage is not None and agent.statusmessage.startswith("MERGE")


@pytest.mark.parametrize("statement", DENIED)
def test_merge_tells_nothing(agent: psycopg.Cursor[tuple[object, ...]], statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(statement.encode())


def test_returning_is_masked(agent: psycopg.Cursor[tuple[object, ...]]) -> None:
    if agent.connection.info.server_version < 170000:
        pytest.skip("MERGE … RETURNING is of 17")
    masked = agent.execute("SELECT id, name FROM users WHERE id < 3 ORDER BY id").fetchall()
    merged = agent.execute(
        "MERGE INTO notes n USING users u ON n.id = u.id AND u.id < 3 WHEN MATCHED THEN UPDATE SET note = 'x'"
        " WHEN NOT MATCHED AND u.id < 3 THEN INSERT (id) VALUES (u.id)"
        " WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), u.id, u.name"
    ).fetchall()
    assert sorted(row[1:] for row in merged if row[1]) == masked
    assert {row[0] for row in merged} == {"UPDATE", "INSERT", "DELETE"}
    agent.execute(
        "MERGE INTO users u USING notes n ON u.id = n.id WHEN MATCHED THEN UPDATE SET name = 'Grace Hopper'"
        " RETURNING merge_action(), u.name"
    )
    assert "Grace Hopper" not in {row[1] for row in agent.fetchall()}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute(
            "MERGE INTO users u USING notes n ON u.id = n.id WHEN MATCHED THEN UPDATE SET name = 'x' RETURNING u"
        )


def test_old_and_new_rows_are_masked(agent: psycopg.Cursor[tuple[object, ...]]) -> None:
    if agent.connection.info.server_version < 180000:
        pytest.skip("old and new are of 18")
    (masked,) = agent.execute("SELECT name FROM users WHERE id = 1").fetchall()
    for statement in (
        "MERGE INTO users u USING notes n ON u.id = n.id WHEN MATCHED THEN UPDATE SET plain_name = 'x'"
        " RETURNING old.name, new.name, new.plain_name",
        "UPDATE users SET plain_name = 'x' WHERE id = 1 RETURNING old.name, new.name, new.plain_name",
    ):
        assert agent.execute(statement.encode()).fetchall() == [(*masked, *masked, "x")]
        agent.connection.rollback()
    (row,) = agent.execute("DELETE FROM users WHERE id = 1 RETURNING old.name, new.name").fetchall()
    assert row == (*masked, None)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        agent.execute("DELETE FROM users WHERE id = 2 RETURNING old")


def test_errors_of_merge_keep_only_their_state(agent: psycopg.Cursor[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation) as caught:
        agent.execute("MERGE INTO users u USING notes n ON u.id = n.id WHEN MATCHED THEN UPDATE SET team = NULL")
    assert "Failing row" not in str(caught.value)
