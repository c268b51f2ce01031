"""The script that gives the clean login of `role_split` what is not masked, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgproxy.catalog.rights import Reach, Readable, Rights
from pgproxy.policy.masked_columns import MaskedColumn
from pgproxy.policy.sql_names import quoted

_HEAD = """\
-- What the clean login of role_split may do in database {database}: read what no rule masks, and nothing else.
-- Printed by pgproxy grants, which changes nothing itself. Run it as a superuser, and again whenever rules, tables or
-- rights change; it gives the same result however often it is run. A table that is made later stays closed to
-- {clean} until then. Set its password with \\password or ALTER ROLE … PASSWORD.
BEGIN;
DO $pgproxy$
DECLARE granted text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal}) THEN
    CREATE ROLE {clean};
  END IF;
  FOR granted IN
    SELECT pg_catalog.quote_ident(r.rolname) FROM pg_catalog.pg_auth_members AS m
    JOIN pg_catalog.pg_roles AS r ON r.oid = m.roleid JOIN pg_catalog.pg_roles AS c ON c.oid = m.member
    WHERE c.rolname = {literal}
  LOOP
    EXECUTE 'REVOKE ' || granted || ' FROM {clean_in_string}';
  END LOOP;
END
$pgproxy$;
ALTER ROLE {clean} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
GRANT CONNECT ON DATABASE {database} TO {clean};
REVOKE CREATE ON DATABASE {database} FROM {clean};"""


def grant_script(clean: str, full: str, rights: Rights, reach: Reach, masked: Sequence[MaskedColumn]) -> str:
    """SQL that is run as a superuser in the database; idempotent.

    Args:
        clean: name of the clean login; it need not exist.
        full: name of the login that the proxy works with: nothing is granted that it does not have.
        rights: of the clean login.
        reach: of the full login.
    """
    return "\n".join(_lines(clean, full, rights, reach, masked)) + "\n"


def _lines(
    clean_name: str, full_name: str, rights: Rights, reach: Reach, masked: Sequence[MaskedColumn]
) -> Iterator[str]:
    clean, full = quoted(clean_name), quoted(full_name)
    literal = "'" + clean_name.replace("'", "''") + "'"
    yield _HEAD.format(clean=clean, literal=literal, clean_in_string=clean.replace("'", "''"), database=rights.database)
    hidden = {column.id for column in masked}
    closed = {view.oid for view in rights.views}
    yield from _from_public(full, rights, masked)
    for schema in dict.fromkeys(table.schema for table in reach.readable):
        yield f"\nREVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {clean};"
        yield f"REVOKE CREATE ON SCHEMA {schema} FROM {clean};"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {clean};"
        for table in reach.readable:
            if table.schema == schema and table.oid not in closed:
                yield from _table(table, hidden, clean)
    for owner, schema in reach.defaults:
        within = f" IN SCHEMA {schema}" if schema else ""
        yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}{within} REVOKE SELECT ON TABLES FROM PUBLIC, {clean};"
    for signature in reach.routines:
        yield f"GRANT EXECUTE ON ROUTINE {signature} TO {clean};"
    yield from _bypasses(clean, rights)
    yield "COMMIT;"


def _table(table: Readable, hidden: set[tuple[int, int]], clean: str) -> Iterator[str]:
    name = f"{table.schema}.{table.name}"
    open_columns = [column for attnum, column in table.columns if (table.oid, attnum) not in hidden]
    if table.has_policies:
        yield f"-- {name} has row level security: which of its rows {clean} sees is up to its policies"
    if table.is_whole and len(open_columns) == len(table.columns):
        yield f"GRANT SELECT ON {name} TO {clean};"
    elif open_columns:
        yield f"GRANT SELECT ({', '.join(open_columns)}) ON {name} TO {clean};"
    else:
        yield f"-- {name} has no column that is not masked"


def _from_public(full: str, rights: Rights, masked: Sequence[MaskedColumn]) -> Iterator[str]:
    """What everybody has the clean login has too; the proxy's own login keeps it."""
    names = {column.id: column for column in masked}
    found = [one for one in rights.readers if one.role == "PUBLIC" and (one.relation, one.attnum) in names]
    for oid in dict.fromkeys(one.relation for one in found):
        relation = next(one.relation for one in masked if one.relation.oid == oid)
        name = f"{quoted(relation.schema)}.{quoted(relation.name)}"
        yield f"\n-- Every role of the server may read masked columns of {name}. Grant to the roles that need it first."
        yield f"GRANT SELECT ON {name} TO {full};"
        yield f"REVOKE SELECT ON {name} FROM PUBLIC;"
    for schema in rights.creates_in:
        yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;"
    if rights.creates_schemas:
        yield f"REVOKE CREATE ON DATABASE {rights.database} FROM PUBLIC;"


def _bypasses(clean: str, rights: Rights) -> Iterator[str]:
    """Listed, not run: others may need them. While one is open to the clean login the proxy does not use it."""
    for view in rights.views:
        what = "is a materialized view over masked columns" if view.is_materialized else "reads as its owner"
        yield f"\n-- {view.name} {what}: not granted to {clean}. Where PUBLIC may read it:"
        yield f"-- REVOKE SELECT ON {view.name} FROM PUBLIC;"
    for routine in rights.routines:
        if routine.is_untrusted or routine.reaches_masked:
            what = "is in an unlimited language" if routine.is_untrusted else f"is SECURITY DEFINER of {routine.owner}"
            yield f"\n-- {routine.signature} {what}. The proxy does not use {clean} before:"
            yield f"-- REVOKE EXECUTE ON ROUTINE {routine.signature} FROM PUBLIC, {clean};"
