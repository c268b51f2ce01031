"""The reader takes what servers print, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgproxy.errors import NotUnderstood, TooManyBytes
from pgproxy.statements.tree import Node, reached, read_stored, read_tree
from pgproxy.statements.tree.nodes import VERSIONS, layouts
from pgproxy.statements.tree.reader import unfolded

FIXTURES = Path(__file__).parent / "fixtures"


def recorded(version: int) -> dict[str, bytes]:
    """Statement → tree as that server sent it."""
    found: dict[str, bytes] = {}
    for path in sorted((FIXTURES / str(version)).glob("*.txt")):
        statement, text = path.read_bytes().split(b"\n", 1)
        found[statement.decode()] = text
    return found


def fold(text: bytes) -> bytes:
    """What PostgreSQL's `format_node_dump` makes of it."""
    lines: list[bytes] = []
    at = 0
    while len(text) - at > 78:
        line = text[at : at + 78]
        space = line.rfind(b" ", 1)
        if text[at + 78 : at + 79] == b" ":
            at += 79
        elif space > 0:
            line = line[:space]
            at += space + 1
        else:
            at += 78
        lines.append(line)
    return b"".join(line + b"\n" for line in (*lines, text[at:]))


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_trees_are_read(version: int) -> None:
    trees = recorded(version)
    assert len(trees) > 20
    for text in trees.values():
        assert [query.tag for query in read_tree(text, version)["queries"]] == ["QUERY"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_node_that_is_known_was_seen(version: int) -> None:
    """The wheels of 16 and 18 are built without libxml; the JSON node of 16 needs a FORMAT clause."""
    unseen = {16: {"JSONVALUEEXPR", "TABLEFUNC", "XMLEXPR"}, 18: {"XMLEXPR"}}.get(version, set())
    seen = {tag.decode() for text in recorded(version).values() for tag in re.findall(rb"\{([A-Z]+)", unfolded(text))}
    assert set(layouts(version).nodes) - seen == unseen


@pytest.mark.parametrize("version", VERSIONS)
def test_another_versions_tree_is_refused(version: int) -> None:
    for other in VERSIONS:
        if other != version:
            refused = 0
            for text in recorded(other).values():
                try:
                    read_tree(text, version)
                except NotUnderstood:
                    refused += 1
            assert refused == len(recorded(other))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cut_tree_is_refused_wherever_it_is_cut(version: int) -> None:
    text = unfolded(min(recorded(version).values(), key=len))
    for length in range(len(text)):
        with pytest.raises(NotUnderstood):
            read_stored(text[:length], version)
    with pytest.raises(NotUnderstood):
        read_stored(text + b" <>", version)


def simple_tree() -> bytes:
    return unfolded(recorded(18)["select * from users for update of users skip locked"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b" :varno 1", b"", id="missing field"),
        pytest.param(b" :varno 1", b" :varno 1 :varno 1", id="doubled field"),
        pytest.param(b" :varno 1", b"  :varno 1", id="two spaces"),
        pytest.param(b" :varno 1", b"\n:varno 1", id="a newline where a space belongs"),
        pytest.param(b" :varno 1 :varattno 1", b" :varattno 1 :varno 1", id="fields in another order"),
        pytest.param(b" :varno 1", b" :varno x", id="no number"),
        pytest.param(b" :varno 1", b" :varno 1.5", id="a fraction"),
        pytest.param(b" :varno 1", b" :varno <>", id="nothing where a number belongs"),
        pytest.param(b" :varno 1", b" :varno (i 1)", id="a list where a number belongs"),
        pytest.param(b" :varno ", b" :VARNO ", id="another name"),
        pytest.param(b" :vartype 23", b" :vartype -23", id="no OID"),
        pytest.param(b" :resjunk false", b" :resjunk no", id="neither true nor false"),
        pytest.param(b" :resjunk false", b" :resjunk false :more 1", id="extra field"),
        pytest.param(b"{VAR ", b"{VAX ", id="unknown node"),
        pytest.param(b"{VAR ", b"{ VAR } {VAR ", id="empty node"),
        pytest.param(b":rtekind 0", b":rtekind 7", id="transition table"),
        pytest.param(b":rtekind 0", b":rtekind 42", id="unknown kind of range table entry"),
        pytest.param(b"(b)", b"(i)", id="another list where a set belongs"),
        pytest.param(b"(b)", b"(b x)", id="a set of something else"),
        pytest.param(b":sortClause <>", b":sortClause ()", id="empty list"),
        pytest.param(b":sortClause <>", b":sortClause 5", id="number where a node belongs"),
        pytest.param(b":sortClause <>", b":sortClause [ 1 2 ]", id="bytes where a node belongs"),
        pytest.param(b":resname id", b":resname {", id="brace where a name belongs"),
        pytest.param(b":resname id", b":resname \xff", id="no UTF-8"),
        pytest.param(b"({QUERY", b"{QUERY", id="no list"),
        pytest.param(b"({QUERY", b"((b)", id="set where a query belongs"),
    ],
)
def test_a_tree_that_no_server_prints_is_refused(before: bytes, after: bytes) -> None:
    text = simple_tree()
    assert before in text
    with pytest.raises(NotUnderstood):
        read_stored(text.replace(before, after, 1), 18)


def test_names_keep_their_characters() -> None:
    text = simple_tree().replace(b":resname id", rb":resname \<a\ \(b\)\\:expr", 1)
    query = read_stored(text, 18)["queries"][0]
    assert query["targetList"][0]["resname"] == r"<a (b)\:expr"


def test_a_name_that_looks_like_a_field_is_a_name() -> None:
    text = simple_tree().replace(b":resname id", b":resname :expr", 1)
    assert read_stored(text, 18)["queries"][0]["targetList"][0]["resname"] == ":expr"


def test_no_queries_are_a_legal_answer() -> None:
    assert read_tree(b"<>\n", 18)["queries"] == []


@pytest.mark.parametrize("version", [14, 19])
def test_other_servers_are_refused(version: int) -> None:
    with pytest.raises(NotUnderstood):
        read_tree(b"<>\n", version)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(TooManyBytes):
        read_tree(b" " * 101, 18, limit_bytes=100)


def test_a_deep_tree_costs_a_refusal() -> None:
    deep = b"(" * 100_000 + b"<>" + b")" * 100_000
    with pytest.raises(NotUnderstood, match="nested too deeply"):
        read_stored(deep, 18)


def test_refusals_hold_no_value_of_the_tree() -> None:
    text = simple_tree().replace(b":resjunk false", b":resjunk SECRET", 1)
    with pytest.raises(NotUnderstood) as refused:
        read_stored(text, 18)
    assert "SECRET" not in f"{refused.value} {refused.value.detail} {refused.value.hint}"


def test_what_a_tree_names_is_found_wherever_it_stands() -> None:
    statement = "select d::text, 'x'::dom, dd::int, '{1}'::posint[], '(1,x)'::comp from composites"
    tree = read_tree(recorded(18)[statement], 18)
    named = reached(tree)

    def var_types(node: object) -> set[int]:
        if isinstance(node, list):
            return set().union(*map(var_types, node))
        if not isinstance(node, Node):
            return set()
        own = {node["vartype"]} if node.tag == "VAR" else set()
        return own.union(*map(var_types, node.fields.values()))

    assert var_types(tree) <= named.types
    assert tree["queries"][0]["rtable"][0]["relid"] in named.relations
    assert len([oid for oid in named.types if oid >= 16384]) >= 4
