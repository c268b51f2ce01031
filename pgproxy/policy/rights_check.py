"""Ways past the rules that a login of the server has: each a problem with the statement that closes it.

The proxy's own login is warned of; the clean login of `role_split` must have none, or it is no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pgproxy.catalog.model import Catalog
from pgproxy.catalog.rights import Reader, Rights
from pgproxy.config.problems import Position, Problem, ProblemList
from pgproxy.policy.masked_columns import MaskedColumn
from pgproxy.policy.sql_names import quoted

PUBLIC = "PUBLIC"

Finding = tuple[str, str]
"""What is open, and the statement that closes it."""


def check_login(rights: Rights, masked: Sequence[MaskedColumn], at: Position, where: str = "") -> list[Problem]:
    """Warnings about a login that the proxy works with, where there is something to protect.

    Args:
        at: where the configuration names the login.
        where: put behind each message that is about one database of several.
    """
    problems, login = ProblemList(), rights.login
    if not masked:
        return []
    if login.is_superuser:
        message = f"{login.quoted} is a superuser: the server closes nothing to what the rules let pass"
        problems.warning(at, message, f"ALTER ROLE {login.quoted} NOSUPERUSER")
    else:
        for message, statement in _attributes(rights):
            problems.warning(at, message, statement)
        for message, statement in _routines(rights):
            problems.warning(at, message + where, statement)
    for column in masked:
        if any(reader.role == PUBLIC and _is_of(reader, column) for reader in rights.readers):
            message = f"every role of the server may read {column.name} past the proxy{where}"
            problems.warning(column.mask.entries[0].at, message, f"REVOKE SELECT ON {_table(column)} FROM PUBLIC")
    return list(problems)


def check_clean_login(rights: Rights, masked: Sequence[MaskedColumn], at: Position, where: str = "") -> list[Problem]:
    """Errors for whatever the clean login reaches of masked columns, or could make others reach."""
    problems, login = ProblemList(), rights.login
    if not login.exists:
        problems.error(at, f"the server has no role {login.quoted}", "pgproxy grants prints the script that makes it")
        return list(problems)
    if login.is_superuser:
        message = f"{login.quoted} is a superuser: it locks nothing"
        problems.error(at, message, f"ALTER ROLE {login.quoted} NOSUPERUSER")
        return list(problems)
    for message, statement in _attributes(rights):
        problems.error(at, message, statement)
    for found in (
        _readers(rights, masked),
        _routines(rights),
        _views(rights),
        _writing(rights),
        _creating(rights),
        _to_come(rights),
    ):
        for message, statement in found:
            problems.error(at, message + where, statement)
    return list(problems)


def check_types(catalog: Catalog, at: Position, where: str = "") -> list[Problem]:
    """Domains that run code of their own wherever a value of theirs is read, also while a statement is analysed."""
    problems = ProblemList()
    for type_ in sorted(catalog.types.values(), key=lambda one: (one.schema, one.name)):
        if type_.kind == "d" and type_.is_user_checked:
            name = f"{quoted(type_.schema)}.{quoted(type_.name)}"
            problems.warning(
                at,
                f"a CHECK of domain {name} calls a function that is not built in: statements that use it are refused"
                f" where columns are masked{where}",
                f"write the test with built-in functions, after ALTER DOMAIN {name} DROP CONSTRAINT …",
            )
    return list(problems)


def _attributes(rights: Rights) -> Iterator[Finding]:
    login = rights.login
    for has, what, attribute in (
        (login.bypasses_rls, "row level security does not bind", "NOBYPASSRLS"),
        (login.can_create_roles, "roles can be created and granted by", "NOCREATEROLE"),
        (login.can_replicate, "all data can be replicated by", "NOREPLICATION"),
    ):
        if has:
            yield f"{what} {login.quoted}", f"ALTER ROLE {login.quoted} {attribute}"
    for role in login.predefined:
        yield f"{login.quoted} is a member of {role}", f"REVOKE {role} FROM {login.quoted}"


def _routines(rights: Rights) -> Iterator[Finding]:
    for routine in rights.routines:
        if routine.is_untrusted:
            what = f"{routine.signature} is in a language that the server does not limit"
        elif routine.reaches_masked:
            what = f"{routine.signature} is SECURITY DEFINER and its owner {routine.owner} may read masked columns"
        else:
            continue
        grantee = PUBLIC if routine.is_public else rights.login.quoted
        statement = f"REVOKE EXECUTE ON ROUTINE {routine.signature} FROM {grantee}"
        yield f"{what}, and {rights.login.quoted} may call it", statement


def _views(rights: Rights) -> Iterator[Finding]:
    for view in rights.views:
        if view.is_readable:
            what = "holds what masked columns held" if view.is_materialized else "reads masked columns as its owner"
            yield (
                f"{rights.login.quoted} may read {view.name}, which {what}",
                f"REVOKE SELECT ON {view.name} FROM PUBLIC, {rights.login.quoted}",
            )


def _writing(rights: Rights) -> Iterator[Finding]:
    """A guess that is written, by code that catches what the constraints say, is answered and counted by nobody."""
    for name in rights.writable:
        yield (
            f"{rights.login.quoted} may write {name}, where constraints or triggers tell of masked columns",
            f"REVOKE INSERT, UPDATE, DELETE ON {name} FROM PUBLIC, {rights.login.quoted}",
        )


def _to_come(rights: Rights) -> Iterator[Finding]:
    """A table that is made while code of the login runs is not looked at before that ends."""
    login = rights.login.quoted
    for owner, schema in rights.defaults:
        within = f" IN SCHEMA {schema}" if schema else ""
        yield (
            f"{login} may read tables that {owner} makes later, by default privileges",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}{within} REVOKE SELECT ON TABLES FROM PUBLIC, {login}",
        )


def _creating(rights: Rights) -> Iterator[Finding]:
    """What it makes could run with the rights of those who use it."""
    login = rights.login.quoted
    for name in rights.triggers_on:
        yield f"{login} may add triggers to {name}", f"REVOKE TRIGGER ON {name} FROM PUBLIC, {login}"
    for schema in rights.creates_in:
        yield f"{login} may create objects in schema {schema}", f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {login}"
    if rights.creates_schemas:
        statement = f"REVOKE CREATE ON DATABASE {rights.database} FROM PUBLIC, {login}"
        yield f"{login} may create schemas in database {rights.database}", statement


def _readers(rights: Rights, masked: Sequence[MaskedColumn]) -> Iterator[Finding]:
    """One finding for each table and role."""
    names = {column.id: column for column in masked}
    known = [reader for reader in rights.readers if (reader.relation, reader.attnum) in names]
    public = {(reader.relation, reader.attnum) for reader in known if reader.role == PUBLIC}

    def place(reader: Reader) -> tuple[int, str]:
        return reader.relation, reader.role

    for (_, role), group in groupby(sorted(known, key=place), key=place):
        readers = list(group)
        if role != PUBLIC:  # what everybody may is said once
            readers = [one for one in readers if one.is_owner or (one.relation, one.attnum) not in public]
        if readers:
            yield _reading(rights, readers, [names[one.relation, one.attnum] for one in readers])


def _reading(rights: Rights, readers: Sequence[Reader], columns: Sequence[MaskedColumn]) -> Finding:
    login, role = rights.login.quoted, readers[0].role
    table, listed = _table(columns[0]), ", ".join(column.name for column in columns)
    if readers[0].is_owner:
        statement = f"ALTER TABLE {table} OWNER TO …" if role == login else f"REVOKE {role} FROM {login}"
        return f"{login} can grant itself {listed}: {role} owns the table", statement
    if role in (login, PUBLIC):
        whose = " as every role of the server" if role == PUBLIC else ""
        return f"{login} may read {listed}{whose}", f"REVOKE SELECT ON {table} FROM {role}"
    return f"{login} may read {listed} as {role}", f"REVOKE {role} FROM {login}"


def _is_of(reader: Reader, column: MaskedColumn) -> bool:
    return (reader.relation, reader.attnum) == column.id


def _table(column: MaskedColumn) -> str:
    return f"{quoted(column.relation.schema)}.{quoted(column.relation.name)}"
