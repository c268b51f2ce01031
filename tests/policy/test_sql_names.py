"""Names are quoted as the server's own quote_ident() does it."""

from __future__ import annotations

from pgproxy.policy.sql_names import quoted
from tests.servers import Server


def test_every_keyword_and_odd_names(postgres: Server) -> None:
    words = [word for (word,) in postgres.sql("SELECT word FROM pg_get_keywords() ORDER BY word")]
    names = [*words, "plain", "a1", "1a", "A", "a b", 'a"b', "ä", "a$b", "_", ""]
    rows = postgres.sql("SELECT n, quote_ident(n) FROM unnest(%s::text[]) AS n", [names])
    assert len(rows) == len(names)
    for name, expected in rows:
        if expected != quoted(name):
            # Only that which is no keyword on this server, and one on another.
            assert quoted(name) == f'"{name}"'
            assert name in words
