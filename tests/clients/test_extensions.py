"""Functions of well-known extensions run under masks; those that reach beyond their arguments do not."""

from __future__ import annotations

import re

import psycopg
import pytest

from tests.clients.people import Place

PASS = {
    "citext": "SELECT plain_name::citext = 'ADA LOVELACE' FROM users WHERE id = 1",
    "pg_trgm": "SELECT round(similarity('word', 'words')::numeric, 2), 'a' % 'a'",
    "pgcrypto": "SELECT encode(digest('a', 'sha256'), 'hex'), length(gen_salt('bf'))",
    "uuid-ossp": "SELECT uuid_generate_v5(uuid_ns_url(), 'x')",
    "hstore": "SELECT 'a=>1, b=>2'::hstore -> 'b', hstore('x', 'y')",
    "unaccent": "SELECT unaccent('Žofie')",
    "fuzzystrmatch": "SELECT levenshtein('one', 'two'), soundex('one'), dmetaphone('one')",
    "intarray": "SELECT sort('{3,1}'::int[]), '{1,2}'::int[] && '{2}'::int[]",
    "ltree": "SELECT 'a.b.c'::ltree <@ 'a.b'::ltree, nlevel('a.b')",
    "cube": "SELECT cube_distance('(0,0)', '(3,4)')",
    "tablefunc": "SELECT count(*) FROM normal_rand(3, 0, 1)",
    "vector": "SELECT '[1,2]'::vector <-> '[1,3]'::vector",
}
REFUSED = {
    "pg_trgm": "SELECT set_limit(0.5)",
    "tablefunc": "SELECT * FROM connectby('users', 'id', 'id', '1', 0) AS c(a int, b int, level int)",
    "dblink": "SELECT dblink_connect('dbname=postgres')",
    "pageinspect": "SELECT get_raw_page('users', 0)",
    "pgstattuple": "SELECT pgstattuple('users')",
    "pg_buffercache": "SELECT count(*) FROM pg_buffercache_pages() AS p(a int)",
    "pg_visibility": "SELECT pg_visibility_map_summary('users')",
    "amcheck": "SELECT bt_index_check('teams_pkey')",
}
MASKED = {
    "citext": ("SELECT name::citext FROM users", True),
    "unaccent": ("SELECT unaccent(name) FROM users", False),
    "fuzzystrmatch": ("SELECT soundex(name) FROM users", False),
    "hstore": ("SELECT hstore('n', name) FROM users", False),
}
"""With whether it passes: what may fail for some values does not."""


def install(place: Place, extension: str) -> None:
    try:
        place.database.sql(f'CREATE EXTENSION IF NOT EXISTS "{extension}" CASCADE')
    except psycopg.Error as error:
        pytest.skip(f"not with this server: {error.diag.message_primary}")


@pytest.mark.parametrize("extension", PASS)
def test_what_only_computes_equals_direct(place: Place, extension: str) -> None:
    install(place, extension)
    with psycopg.connect(place.masked) as agent, psycopg.connect(place.raw) as direct:
        assert agent.execute(PASS[extension]).fetchall() == direct.execute(PASS[extension]).fetchall()


@pytest.mark.parametrize("extension", REFUSED)
def test_what_reaches_further_is_refused(place: Place, extension: str) -> None:
    install(place, extension)
    function = re.search(r"(\w+)\(", REFUSED[extension].replace("count(*)", ""))
    assert function is not None
    with psycopg.connect(place.masked) as agent, pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        agent.execute(REFUSED[extension])
    assert function[1] in str(caught.value)


@pytest.mark.parametrize("extension", MASKED)
def test_what_is_made_of_masked_columns_is_hidden(place: Place, extension: str) -> None:
    install(place, extension)
    statement, passes = MASKED[extension]
    with psycopg.connect(place.masked) as agent:
        if passes:
            assert set(agent.execute(statement).fetchall()) == {(None,)}
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="fails for some values"):
                agent.execute(statement)


def test_a_trigger_may_use_them(place: Place) -> None:
    install(place, "unaccent")
    install(place, "citext")
    place.database.sql(
        "CREATE TABLE pages (id int, title text, slug text); GRANT ALL ON pages TO public;"
        "CREATE FUNCTION slug() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN NEW.slug := lower(public.unaccent(NEW.title)); RETURN NEW; END$$;"
        "CREATE TRIGGER slug BEFORE INSERT ON pages FOR EACH ROW EXECUTE FUNCTION slug()"
    )
    with psycopg.connect(place.masked) as agent:
        row = agent.execute("INSERT INTO pages (id, title) VALUES (1, 'Žofie') RETURNING slug").fetchone()
    assert row == ("zofie",)


def test_a_crosstab_of_a_constant_query(place: Place) -> None:
    install(place, "tablefunc")
    rows = "crosstab('SELECT id, title, 1 FROM teams ORDER BY 1, 2') AS c(id int, a int)"
    columns = "crosstab('SELECT id, ''x'', 1 FROM teams', 'SELECT {}') AS c(id int, a int)"
    with psycopg.connect(place.raw, autocommit=True) as direct, psycopg.connect(place.masked, autocommit=True) as agent:
        for call in (rows, columns.format("''x''")):
            query = f"SELECT * FROM {call} ORDER BY id".encode()
            assert agent.execute(query).fetchall() == direct.execute(query).fetchall()
        for call in (rows.replace("title, 1 FROM teams", "name, 1 FROM users"), columns.format("name FROM users")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                agent.execute(f"SELECT * FROM {call}".encode())
