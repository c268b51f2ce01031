"""Turns the answer of `queries.CATALOG_QUERY` into a `Catalog`. No I/O; trusts the document, which the server wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pgproxy.catalog.model import Catalog, Column, Constraint, Function, Relation, Source, Trigger, Type
from pgproxy.catalog.versions import SEES_THE_PRESENT
from pgproxy.errors import NotUnderstood


@dataclass(frozen=True, slots=True)
class Document:
    """One answer of the catalog query."""

    catalog: Catalog
    """Its objects alone."""
    sees_the_present: bool
    """At its transaction's isolation level each statement sees all that was committed before it."""
    is_common: bool
    """Every new transaction would have read the same: this one sees the present, and has changed nothing."""


def read_document(document: str) -> Document:
    """What `queries.CATALOG_QUERY` answered."""
    isolation, changed_nothing = json.loads(document)["transaction"]
    sees_the_present = isolation in SEES_THE_PRESENT
    return Document(merge(Catalog(), document), sees_the_present, changed_nothing and sees_the_present)


def merge(catalog: Catalog, document: str) -> Catalog:
    """The catalog with the document's objects laid over it."""
    answer = json.loads(document)
    sources = {
        oid: Source(text, header, tuple(relations or ()), *_mentioned(functions or ()), *of_arguments)
        for oid, text, header, relations, functions, *of_arguments in answer["sources"] or ()
    }
    types = {row[0]: _type(row) for row in answer["types"] or ()}
    return replace(
        catalog.with_objects(
            relations=map(_relation, answer["relations"] or ()),
            types=_with_checks_closed(types, catalog.types),
            functions=(_function(row, sources.get(row[0])) for row in answer["functions"] or ()),
            operators=dict(answer["operators"] or ()),
        ),
        server_version=int(answer["version"]) // 10000,
    )


def read_code(document: str, text: str, header: str) -> Source:
    """What `queries.CODE_QUERY` answered of a code with that header.

    Raises:
        NotUnderstood: pg_catalog is not where search_path has it by itself, before all else.
    """
    relations, functions, path = json.loads(document)
    if "pg_catalog" in path.lower():
        raise NotUnderstood(
            "not provably safe: search_path names pg_catalog, and the code of DO looks names up in it",
            detail="rule builtin.do",
            hint="Where search_path does not name it, the server's own objects are found first.",
        )
    return Source(text, header, tuple(relations or ()), *_mentioned(functions or ()))


def _relation(row: list[Any]) -> Relation:
    oid, schema, name, kind, is_temporary, triggers, columns, parents, children, references, *rest = row
    cascades, write_functions, definition, version, partition_key, constraints, has_policies, has_rules = rest
    return Relation(
        oid=oid,
        schema=schema,
        name=name,
        kind=kind,
        columns=tuple(
            Column(attnum, column, type_oid, generated, frozenset(sources or ()))
            for attnum, column, type_oid, generated, sources in columns or ()
        ),
        version=version,
        parents=tuple(parents or ()),
        children=tuple(children or ()),
        is_temporary=is_temporary,
        triggers=tuple(
            Trigger(
                bits, function, frozenset(seen or ()), frozenset(run or ()), frozenset(filter(None, tables)), deferrable
            )
            for bits, function, seen, run, tables, deferrable in triggers or ()
        ),
        references=tuple(references or ()),
        cascades=tuple(cascades or ()),
        write_functions=tuple(write_functions or ()),
        definition=definition or "",
        has_policies=has_policies,
        has_rules=has_rules,
        partition_key=frozenset(partition_key or ()),
        constraints=tuple(
            Constraint(kind, frozenset((oid, attnum) for oid, attnum in columns or ()))
            for kind, columns in constraints or ()
        ),
    )


def _type(row: list[Any]) -> Type:
    oid, schema, name, kind, element, base, relation, delimiter, labels, members, is_checked, version = row
    return Type(
        oid=oid,
        schema=schema,
        name=name,
        kind=kind,
        element=element,
        base=base,
        relation=relation,
        labels=tuple(labels or ()),
        delimiter=delimiter,
        is_user_checked=is_checked,
        members=tuple(members or ()),
        version=version,
    )


def _function(row: list[Any], source: Source | None) -> Function:
    oid, schema, name, kind, language, security_definer, calls, version, is_strict, result_types, *rest = row
    settings, compiled, state_types, is_only_mentioned = rest
    if source is not None and version.endswith("t"):
        source = replace(source, holds_own_types=True)
    return Function(
        oid,
        schema,
        name,
        kind,
        language,
        security_definer,
        tuple(calls or ()),
        version,
        is_strict=is_strict,
        result_types=tuple(result_types),
        settings=tuple(settings or ()),
        source=source,
        compiled=compiled or "",
        state_types=tuple(filter(None, state_types or ())),
        is_only_mentioned=is_only_mentioned,
    )


def _mentioned(
    rows: Iterable[list[Any]],
) -> tuple[tuple[tuple[str, Function], ...], tuple[Function, ...], bool]:
    named: list[tuple[str, Function]] = []
    of_types: list[Function] = []
    holds_own_types = False
    for called, oid, name, language, security_definer, settings, compiled, has_own_types in rows:
        function = Function(oid, "", name, language=language, security_definer=security_definer)
        function = replace(function, settings=tuple(settings or ()), compiled=compiled or "")
        if called == "":
            of_types.append(function)
        else:
            named.append((called or "", function))
            holds_own_types = holds_own_types or bool(has_own_types)
    return tuple(named), tuple(of_types), holds_own_types


def _with_checks_closed(types: Mapping[int, Type], known: Mapping[int, Type]) -> list[Type]:
    """The types, each user-checked if anything it is made of is."""
    parts = {oid: (one.element, one.base, *one.members) for oid, one in types.items()}
    checked = {oid for oid, one in types.items() if one.is_user_checked}
    checked |= {
        part
        for made_of in parts.values()
        for part in made_of
        if part not in types and part in known and known[part].is_user_checked
    }
    grows = bool(checked)
    while grows:
        more = {oid for oid, made_of in parts.items() if oid not in checked and not checked.isdisjoint(made_of)}
        checked |= more
        grows = bool(more)
    return [replace(one, is_user_checked=True) if oid in checked else one for oid, one in types.items()]
