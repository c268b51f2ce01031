"""Statements that every driver runs, through the proxy and direct in `seen` (people.py): both must give the same.

None has a masked column in a predicate or in an expression: what those give is the policy's tests' matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.clients.people import ALL_COLUMNS, EVERYTHING


@dataclass(frozen=True, slots=True)
class Asked:
    title: str
    sql: str
    """Parameters are $1, $2…"""
    parameters: tuple[int, ...] = ()

    @property
    def numbers(self) -> list[str]:
        """The parameters as they stand in the text, from left to right."""
        return re.findall(r"\$(\d)", self.sql)

    def with_placeholders(self, placeholder: str) -> str:
        """Parameters written another way; `{}` stands for the number."""
        return re.sub(r"\$(\d)", lambda found: placeholder.format(found[1]), self.sql)


READS = (
    Asked("every column", EVERYTHING),
    Asked("star", "SELECT * FROM users ORDER BY id"),
    Asked("no rows", "SELECT * FROM users WHERE id = 0"),
    Asked("no masked column", "SELECT id, plain_name FROM users ORDER BY id"),
    Asked("no table", "SELECT 1 AS one, 'x'::text AS x, NULL::date AS nothing"),
    Asked("values", "VALUES (1, 'a'), (2, 'b')"),
    Asked("parameter", "SELECT * FROM users WHERE id = $1", (2,)),
    Asked("parameters", "SELECT id, name, $1::int4 AS one FROM users WHERE id BETWEEN $1 AND $2 ORDER BY id", (2, 4)),
    Asked("row by name", "SELECT u.name AS who, u.* FROM users AS u WHERE id < 3 ORDER BY u.id"),
    Asked("join", "SELECT u.id, u.name, t.title FROM users u JOIN teams t ON t.id = u.team ORDER BY u.id"),
    Asked("outer join with itself", "SELECT u.*, v.* FROM users u LEFT JOIN users v ON v.id = u.id + 1 ORDER BY u.id"),
    Asked("join using", "SELECT * FROM teams JOIN users USING (id) ORDER BY id"),
    Asked(
        "lateral",
        "SELECT t.id, l.email FROM teams t CROSS JOIN LATERAL"
        " (SELECT email FROM users u WHERE u.team = t.id ORDER BY u.id LIMIT 1) l ORDER BY t.id",
    ),
    Asked("subquery", "SELECT * FROM (SELECT id, email AS mail FROM users) s WHERE s.id > $1 ORDER BY s.id", (2,)),
    Asked("exists", "SELECT name FROM users u WHERE EXISTS (SELECT FROM teams t WHERE t.id = u.id) ORDER BY u.id"),
    Asked("CTE", "WITH w AS (SELECT id, email FROM users), x AS (TABLE w) SELECT * FROM x ORDER BY id"),
    Asked(
        "recursive CTE",
        "WITH RECURSIVE r AS (SELECT id, name FROM users WHERE id = $1"
        " UNION ALL SELECT u.id, u.name FROM users u JOIN r ON u.id = r.id + 1) TABLE r ORDER BY id",
        (2,),
    ),
    Asked(
        "union all",
        "SELECT id, name FROM users WHERE id < 3 UNION ALL SELECT id, name FROM users WHERE id > 2 ORDER BY id",
    ),
    Asked("union", "SELECT id, birth_date FROM users UNION SELECT id, birth_date FROM users ORDER BY id"),
    Asked("except", "SELECT id, phone FROM users EXCEPT SELECT id, phone FROM users WHERE id = $1 ORDER BY id", (2,)),
    Asked("intersect", "SELECT id, mood FROM users INTERSECT SELECT id, mood FROM users ORDER BY id"),
    Asked("view", "SELECT * FROM directory ORDER BY id"),
    Asked("view of a view", "SELECT * FROM team_directory WHERE id = $1", (3,)),
    Asked("distinct on", "SELECT DISTINCT ON (team) team, id, name FROM users ORDER BY team, id DESC"),
    Asked("window", "SELECT row_number() OVER (PARTITION BY team ORDER BY id), account FROM users ORDER BY id"),
    Asked("counting", "SELECT team, count(*), count(email) FROM users GROUP BY team ORDER BY team"),
    Asked("limit", "SELECT name FROM users ORDER BY id OFFSET $1 LIMIT $2", (1, 2)),
    Asked("locking", "SELECT id, token FROM users ORDER BY id FOR SHARE"),
    Asked(
        "catalog", "SELECT attname, atttypid FROM pg_attribute WHERE attrelid = 'pg_class'::regclass ORDER BY attnum"
    ),
)

WRITES = (
    Asked("update", f"UPDATE users SET plain_age = $1 WHERE id = $2 RETURNING {ALL_COLUMNS}", (7, 1)),
    Asked("update from", "UPDATE users u SET team = 1 FROM teams t WHERE t.id = u.id AND u.id = $1 RETURNING *", (2,)),
    Asked("delete", "DELETE FROM users WHERE id = $1 RETURNING id, salary, plain_salary", (3,)),
    Asked(
        "insert from select",
        "INSERT INTO users (id, team, name, tags) SELECT id + $1, team, name, tags FROM users WHERE id < 3"
        " RETURNING id, name, tags",
        (100,),
    ),
    Asked(
        "insert or update",
        "INSERT INTO users (id, team) VALUES ($1, 2) ON CONFLICT (id) DO UPDATE SET team = excluded.team"
        " RETURNING id, team, name, profile",
        (1,),
    ),
    Asked("write in a CTE", "WITH gone AS (DELETE FROM users WHERE id = $1 RETURNING id, email) TABLE gone", (5,)),
)
"""Run these in a transaction, and take them back."""

REFUSED = "SELECT id FROM users ORDER BY name"
"""A statement that the rules deny."""
