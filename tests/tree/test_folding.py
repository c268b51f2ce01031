"""The fold of the server's dump is undone exactly, or the tree is refused (laws)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgproxy.errors import NotUnderstood
from pgproxy.statements.tree.reader import LINE_BYTES, unfolded
from tests.tree.test_reader import fold

words = st.text(alphabet="ab:{}()\\<>", min_size=1, max_size=90)
dumps = st.lists(words, min_size=1, max_size=60).map(lambda found: " ".join(found).encode())


@given(dumps)
@example(b"a" * 77 + b" " + b"b" * 5)
@example(b"a" * 78 + b" b")
@example(b"a" * 79)
@example(b"a" * 77 + b" " + b"b" * 78 + b" c")
def test_what_is_unfolded_is_what_was_folded(dump: bytes) -> None:
    try:
        assert unfolded(fold(dump)) == dump
    except NotUnderstood:
        # Only a word as long as a line cannot be told from two.
        assert max(map(len, dump.split(b" "))) >= LINE_BYTES


@given(dumps.filter(lambda dump: b" " in dump), st.data())
def test_a_newline_of_a_name_is_refused(dump: bytes, data: st.DataObject) -> None:
    """outToken escapes it with a backslash, so in the dump it looks like a folded space."""
    at = data.draw(st.integers(0, len(dump)))
    with pytest.raises(NotUnderstood):
        unfolded(fold(dump[:at] + b"\\\n" + dump[at:]))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<>", id="no newline at the end"),
        pytest.param(b"a\nb\n", id="a fold that was not needed"),
        pytest.param(b"a" * 79 + b"\n", id="a line too long"),
        pytest.param(b"\n" + b"a" * 78 + b"\n", id="an empty line"),
        pytest.param(b"a" * 78 + b"\n" + b"b\n", id="a word as long as a line"),
    ],
)
def test_what_the_server_would_not_fold_like_this_is_refused(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        unfolded(text)
