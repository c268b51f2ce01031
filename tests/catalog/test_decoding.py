"""The catalog document becomes frozen values."""

from __future__ import annotations

import json
from typing import Any

from pgproxy.catalog.decoding import merge
from pgproxy.catalog.model import Catalog, Column, Constraint, Trigger, Type


def document(**objects: Any) -> str:
    empty: dict[str, Any] = {"relations": None, "types": None, "functions": None, "operators": None}
    empty["sources"] = None
    return json.dumps({"version": "180004", **empty, **objects})


def type_row(oid: int, *, element: int = 0, base: int = 0, members: tuple[int, ...] = (), checked: bool = False) -> Any:
    return [oid, "public", f"t{oid}", "b", element, base, 0, ",", None, list(members), checked, "v"]


def checked(catalog: Catalog) -> set[int]:
    return {oid for oid, one in catalog.types.items() if one.is_user_checked}


def test_an_empty_document_adds_the_version_alone() -> None:
    assert merge(Catalog(), document()) == Catalog(server_version=18)


def test_a_relation_has_its_columns_and_relatives() -> None:
    columns = [[1, "id", 23, "", None], [3, "sum", 23, "s", [1]]]
    row = [
        20000,
        "public",
        "t",
        "r",
        False,
        [[7, 9, None, [65], ["old_rows", None], True]],
        columns,
        [1],
        [2],
        [3],
        [4],
        [5],
        None,
        "abc",
    ]
    row += [[3], [["u", [[20000, 1]]], ["c", None]], True, False]
    relation = merge(Catalog(), document(relations=[row])).relations[20000]
    assert relation.columns == (Column(1, "id", 23), Column(3, "sum", 23, "s", frozenset((1,))))
    assert (relation.parents, relation.children, relation.references) == ((1,), (2,), (3,))
    assert (relation.cascades, relation.write_functions, relation.definition) == ((4,), (5,), "")
    assert relation.partition_key == {3}
    assert relation.constraints == (Constraint("u", frozenset({(20000, 1)})), Constraint("c", frozenset()))
    assert relation.triggers == (Trigger(7, 9, frozenset(), frozenset((65,)), frozenset(("old_rows",)), True),)
    assert not relation.is_temporary and relation.version == "abc"


def test_what_is_laid_over_replaces() -> None:
    first = merge(Catalog(), document(operators=[[96, 65], [98, 67]]))
    second = merge(first, document(operators=[[98, 1]]))
    assert (dict(first.operators), dict(second.operators)) == ({96: 65, 98: 67}, {96: 65, 98: 1})


def test_a_check_closes_over_all_that_is_made_of_the_domain() -> None:
    types = [
        type_row(1, checked=True),
        type_row(2, element=1),
        type_row(3, members=(23, 2)),
        type_row(4, base=3),
        type_row(5, base=23),
        type_row(6, members=(5,)),
    ]
    assert checked(merge(Catalog(), document(types=types))) == {1, 2, 3, 4}


def test_a_check_known_before_counts() -> None:
    known = Catalog(types={1: Type(1, "public", "d", "d", base=25, is_user_checked=True)})
    assert checked(merge(known, document(types=[type_row(2, element=1)]))) == {1, 2}
