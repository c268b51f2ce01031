from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgproxy.login.cancel_keys import SECRET_BYTES_3_0, SECRET_BYTES_3_2, CancelKeys


@pytest.mark.parametrize("length", [SECRET_BYTES_3_0, SECRET_BYTES_3_2, 256])
def test_key_finds_its_session(length: int) -> None:
    keys: CancelKeys[str] = CancelKeys()
    secret = keys.issue(4711, length, "session")
    assert len(secret) == length
    assert keys.find(4711, secret) == "session"


def test_equal_process_ids_of_two_servers_are_told_apart() -> None:
    keys: CancelKeys[str] = CancelKeys()
    one, two = (keys.issue(1, SECRET_BYTES_3_0, session) for session in ("one", "two"))
    assert (keys.find(1, one), keys.find(1, two)) == ("one", "two")
    keys.forget(1, one)
    assert (keys.find(1, one), keys.find(1, two)) == (None, "two")


def test_secret_is_never_issued_twice_for_a_process_id() -> None:
    source: Iterator[bytes] = iter([b"same", b"same", b"next"])
    keys: CancelKeys[str] = CancelKeys(lambda length: next(source))
    assert keys.issue(1, 4, "one") == b"same"
    assert keys.issue(1, 4, "two") == b"next"
    assert (keys.find(1, b"same"), keys.find(1, b"next")) == ("one", "two")


@pytest.mark.parametrize(("process_id", "secret"), [(2, b"abcd"), (1, b"abce"), (1, b"abc"), (1, b""), (1, b"abcd\0")])
def test_wrong_key_finds_nothing(process_id: int, secret: bytes) -> None:
    keys: CancelKeys[str] = CancelKeys(lambda length: b"abcd")
    keys.issue(1, 4, "session")
    assert keys.find(process_id, secret) is None


def test_forgetting_leaves_nothing_and_may_come_twice() -> None:
    keys: CancelKeys[str] = CancelKeys()
    secret = keys.issue(1, 4, "session")
    assert len(keys) == 1
    for _ in range(2):
        keys.forget(1, secret)
    assert len(keys) == 0
    assert keys.find(1, secret) is None
