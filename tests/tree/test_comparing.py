"""Trees are compared by what the server said, and by all of it but places."""

from __future__ import annotations

import pytest

from pgproxy.statements.tree.comparing import are_equal
from pgproxy.statements.tree.reader import Node


def constant(**fields: object) -> Node:
    return Node("CONST", {"consttype": 25, "location": 3, "constvalue": b"[ 1 ]", **fields})


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (constant(), True),
        (constant(location=9), True),
        (constant(**{"(decides)": True}), True),
        (constant(constvalue=b"[ 2 ]"), False),
        (constant(constisnull=False), False),
        (Node("VAR", dict(constant().fields)), False),
    ],
)
def test_marks_of_a_trace_and_places_do_not_count(other: Node, expected: bool) -> None:
    assert are_equal(constant(), other) is expected
    assert are_equal(other, constant()) is expected
