"""psql, by simple and extended protocol."""

from __future__ import annotations

import subprocess

import pytest

from pgproxy.demo.cluster import embedded_binaries
from tests.clients.people import EVERYTHING, Place
from tests.clients.statements import READS, REFUSED, WRITES, Asked


def psql(dsn: str, script: str, *options: str) -> str:
    """Everything it says on both streams, in order; it must succeed."""
    done = subprocess.run(
        [str(embedded_binaries() / "psql"), "-X", "-v", "ON_ERROR_STOP=1", *options, dsn],
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def bound(asked: Asked) -> str:
    values = "".join(f" '{value}'" for value in asked.parameters)
    return f"\\echo {asked.title}\n{asked.sql} \\bind{values} \\g\n"


SCRIPTS = {
    "reads by simple queries": "\n".join(f"{asked.sql};" for asked in READS if not asked.parameters),
    "reads with bound parameters": "".join(map(bound, READS)),
    "writes": "".join(f"BEGIN;\n{bound(asked)}ROLLBACK;\n" for asked in WRITES),
    "description alone": "".join(f"{asked.sql} \\gdesc\n" for asked in READS if not asked.parameters),
    "named statement": (
        "SELECT id, name, profile FROM users WHERE id = $1 \\parse one\n"
        "\\bind_named one 1 \\g\n\\bind_named one 4 \\g\n\\bind_named one 2 \\g\n\\close_prepared one\n"
    ),
    "rows in portions": f"\\set FETCH_COUNT 2\n{EVERYTHING};",
    "several statements at once": "SELECT id, name FROM users WHERE id = 1 \\; SELECT 2 \\; SELECT email FROM users;",
    "pipeline": (
        "\\startpipeline\n"
        "SELECT id, name FROM users WHERE id = $1 \\bind 1 \\sendpipeline\n"
        "SELECT id, email FROM users WHERE id = $1 \\bind 2 \\sendpipeline\n\\syncpipeline\n"
        "SELECT id, phone FROM users WHERE id = $1 \\bind 3 \\sendpipeline\n\\endpipeline\n"
    ),
    "variables": "SELECT name AS who FROM users WHERE id = 1 \\gset\n\\echo :who\n",
    "crosstab": "SELECT id, team, name FROM users ORDER BY id \\crosstabview\n",
    "statements as results": "SELECT 'SELECT ' || id || ', name FROM users WHERE id = ' || id FROM users \\gexec\n",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_output_is_as_direct(place: Place, name: str) -> None:
    assert psql(place.masked, SCRIPTS[name]) == psql(place.seen, SCRIPTS[name])


@pytest.mark.parametrize("options", [["-At"], ["--csv"], ["-x"], ["-H"], ["-1"]], ids=" ".join)
def test_output_format_does_not_matter(place: Place, options: list[str]) -> None:
    assert psql(place.masked, f"{EVERYTHING};", *options) == psql(place.seen, f"{EVERYTHING};", *options)


def test_backslash_commands_are_as_direct(place: Place) -> None:
    commands = "\n".join(
        [
            "\\d",
            "\\d+ users",
            "\\d+ team_directory",
            "\\dT+",
            "\\dD",
            "\\dn",
            "\\df",
            "\\dp",
            "\\di",
            "\\sv directory",
        ]
    )
    through, direct = (psql(dsn, commands).replace(" ", "") for dsn in (place.masked, place.raw))
    assert through == direct


def test_denial_is_shown_with_its_hint_and_the_session_goes_on(place: Place) -> None:
    said = psql(place.masked, f"{REFUSED};\n\\echo :LAST_ERROR_SQLSTATE\nSELECT 'still here';", "-v", "ON_ERROR_STOP=0")
    assert "public.users.name is masked and cannot be used in ORDER BY" in said
    assert "HINT:" in said
    assert "\n42501\n" in said
    assert "still here" in said
