"""Records what the transcripts replay: `python -m tests.session.record`.

A tree and a catalog document of PostgreSQL 18, so that the tests need no server.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

from pgproxy.catalog.queries import CATALOG_QUERY
from tests.servers import start_server
from tests.tree.announcing import Announcer

HERE = Path(__file__).parent / "fixtures"
STATEMENT = "SELECT id, ssn FROM users"


def main() -> None:
    server = start_server()
    try:
        server.sql("CREATE TABLE public.users (id int, ssn text)")
        announcer = Announcer(server.dsn())
        (HERE / "users.tree.txt").write_bytes(announcer.tree(STATEMENT))
        ((relation,),) = server.sql("SELECT 'public.users'::regclass::oid")
        arguments: list[list[int]] = [[relation], [], [], [23, 25]]
        row = psycopg.RawCursor(announcer.connection).execute(CATALOG_QUERY, arguments).fetchone()
        assert row is not None
        (HERE / "users.catalog.json").write_text(row[0] + "\n")
        (HERE / "users.oid.txt").write_text(f"{relation}\n")
        announcer.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
