"""What is remembered is bounded, in entries and in bytes."""

from __future__ import annotations

from pgproxy.session.recent import Recent


def test_the_least_recently_used_entry_goes() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.get("a") == 1
    recent.keep("c", 3)
    assert [recent.get(key) for key in "abc"] == [1, None, 3] and len(recent) == 2


def test_as_many_entries_go_as_have_the_bytes_of_a_new_one() -> None:
    recent: Recent[str, int] = Recent(100, limit_bytes=100)
    for number, key in enumerate("abcde"):
        recent.keep(key, number, 20)
    recent.keep("f", 5, 50)
    assert [recent.get(key) for key in "abcdef"] == [None, None, None, 3, 4, 5]


def test_an_entry_over_the_limit_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(100, limit_bytes=100)
    recent.keep("a", 1, 10)
    recent.keep("b", 2, 101)
    assert [recent.get(key) for key in "ab"] == [1, None] and len(recent) == 1


def test_what_is_kept_again_or_dropped_counts_once() -> None:
    recent: Recent[str, int] = Recent(100, limit_bytes=100)
    for _ in range(10):
        recent.keep("a", 1, 60)
    recent.drop("a")
    recent.drop("a")
    recent.keep("b", 2, 60)
    recent.keep("c", 3, 40)
    assert [recent.get(key) for key in "abc"] == [None, 2, 3]
