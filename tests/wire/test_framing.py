"""Messages are found wherever the stream is cut, and nothing is kept that should not be."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.errors import MalformedMessage, TooManyBytes
from pgproxy.wire.framing import (
    BACKEND_TYPES,
    LOGIN_LIMITS,
    SMALL_MESSAGE_BYTES,
    BackendScanner,
    Frame,
    FrontendScanner,
    Run,
    session_limits,
)
from tests.wire.messages import TYPED

FROM_CLIENT = [row.data for row in TYPED if "F" in row.sender and row.message.tag != b"p"]
FROM_SERVER = [row.data for row in TYPED if "B" in row.sender]


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *sorted(places), len(data)])]


def row(size: int) -> bytes:
    """A DataRow with a body of this many bytes."""
    return b"D" + (size + 4).to_bytes(4, "big") + bytes(size)


def copy_data(size: int) -> bytes:
    return b"d" + row(size)[1:]


COMPLETE = b"C\0\0\0\x0dSELECT 1\0"
READY = b"Z\0\0\0\x05I"


@pytest.mark.parametrize("data", FROM_CLIENT, ids=lambda data: data[:1].decode())
def test_client_message_comes_whole_byte_by_byte(data: bytes) -> None:
    scanner = FrontendScanner()
    *before, last = [scanner.feed(byte) for byte in single_bytes(data)]
    assert not any(before)
    assert last == [Frame(data[:1], data)]
    assert last[0].body == data[5:]


@pytest.mark.parametrize("data", FROM_SERVER, ids=lambda data: data[:1].decode())
def test_server_message_comes_whole_byte_by_byte(data: bytes) -> None:
    scanner = BackendScanner()
    *before, last = [scanner.feed(byte) for byte in single_bytes(data)]
    assert not any(before)
    assert last == [Run(data[:1], data)]
    assert last[0].body == data[5:]
    assert scanner.is_between_messages


@given(
    messages=st.lists(st.sampled_from(FROM_CLIENT), max_size=8),
    places=st.lists(st.integers(0, 200), max_size=6),
)
def test_client_messages_do_not_depend_on_the_cuts(messages: list[bytes], places: list[int]) -> None:
    stream = b"".join(messages)
    scanner = FrontendScanner()
    frames = [
        frame for chunk in cut(stream, (min(place, len(stream)) for place in places)) for frame in scanner.feed(chunk)
    ]
    assert [frame.data for frame in frames] == messages


server_messages = st.lists(
    st.sampled_from([*FROM_SERVER, row(20), row(300), row(70), copy_data(0), copy_data(90)]), max_size=12
)


@given(
    messages=server_messages, places=st.lists(st.integers(0, 1500), max_size=8), threshold=st.sampled_from([None, 50])
)
def test_server_runs_hold_every_byte_once_in_order(
    messages: list[bytes], places: list[int], threshold: int | None
) -> None:
    stream = b"".join(messages)
    scanner = BackendScanner(stream_from_bytes=threshold)
    runs = [run for chunk in cut(stream, (min(place, len(stream)) for place in places)) for run in scanner.feed(chunk)]
    assert b"".join(run.data for run in runs) == stream
    assert sum(run.count for run in runs) == len(messages)
    assert scanner.is_between_messages
    tags = [run.tag for run in runs for _ in range(run.count)]
    assert tags == [message[:1] for message in messages]
    for before, run in pairwise([Run(b"Z", b""), *runs]):
        assert run.is_continuation == (before.remaining > 0)
        if run.is_continuation:
            assert run.tag == before.tag
            assert before.remaining == run.remaining + len(run.data)
        if run.tag not in (b"D", b"d"):
            assert (run.count, run.remaining, run.is_continuation) == (1, 0, False)
        if threshold is None:
            assert not run.remaining and run.count
    if threshold is None:
        assert [frame.data for run in runs for frame in run.frames()] == messages


def test_rows_of_a_chunk_are_one_run() -> None:
    rows = row(10) * 3
    assert BackendScanner().feed(rows + COMPLETE + READY) == [
        Run(b"D", rows, 3),
        Run(b"C", COMPLETE),
        Run(b"Z", READY),
    ]


def test_chunk_of_whole_rows_is_not_copied() -> None:
    rows = row(10) * 3
    (run,) = BackendScanner().feed(rows)
    assert run.data is rows


def test_row_cut_by_the_chunk_is_kept_until_whole() -> None:
    scanner = BackendScanner(stream_from_bytes=1 << 16)
    rows = row(10) * 3
    assert scanner.feed(rows[:-4]) == [Run(b"D", rows[:30], 2)]
    assert not scanner.is_between_messages
    assert scanner.feed(rows[-4:] + row(3)) == [Run(b"D", row(10)), Run(b"D", row(3))]
    assert scanner.is_between_messages


def test_big_row_is_handed_on_as_it_arrives() -> None:
    scanner = BackendScanner(gather_bytes=1000, stream_from_bytes=1000)
    big = row(5000)
    assert scanner.feed(row(1) + big[:100]) == [Run(b"D", row(1)), Run(b"D", big[:100], 0, 4905)]
    assert not scanner.is_between_messages
    assert scanner.feed(b"") == []
    assert scanner.feed(big[100:5000]) == [Run(b"D", big[100:5000], 0, 5, True)]
    assert scanner.feed(big[5000:] + COMPLETE) == [Run(b"D", big[5000:], 1, 0, True), Run(b"C", COMPLETE)]


def test_streaming_may_be_switched_between_messages() -> None:
    scanner = BackendScanner(stream_from_bytes=10)
    assert scanner.feed(row(50)[:20]) == [Run(b"D", row(50)[:20], 0, 35)]
    scanner.stream_from_bytes = None
    assert scanner.feed(row(50)[20:] + row(50)[:20]) == [Run(b"D", row(50)[20:], 1, 0, True)]
    assert scanner.feed(row(50)[20:]) == [Run(b"D", row(50))]


def test_only_bulk_messages_are_streamed() -> None:
    notice = b"N" + row(50)[1:]
    scanner = BackendScanner(stream_from_bytes=10)
    assert scanner.feed(notice[:20]) == []
    assert scanner.feed(notice[20:]) == [Run(b"N", notice)]


@pytest.mark.parametrize("tag", [b"D", b"N"])
def test_message_that_would_fill_memory_is_refused_at_its_header(tag: bytes) -> None:
    with pytest.raises(TooManyBytes):
        BackendScanner(gather_bytes=1000).feed(tag + (1001).to_bytes(4, "big"))


@pytest.mark.parametrize("streams", [None, 10])
@pytest.mark.parametrize("length", [0, 3, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("tag", [b"D", b"Z"])
@pytest.mark.parametrize("before", [b"", row(5), READY])
@pytest.mark.parametrize("at_once", [True, False])
def test_impossible_length_from_the_server_is_refused(
    streams: int | None, length: int, tag: bytes, before: bytes, at_once: bool
) -> None:
    stream = before + tag + length.to_bytes(4, "big")
    scanner = BackendScanner(stream_from_bytes=streams)
    with pytest.raises(MalformedMessage):
        for chunk in [stream] if at_once else single_bytes(stream):
            scanner.feed(chunk)


def test_length_below_four_is_refused_whatever_follows() -> None:
    with pytest.raises(MalformedMessage):
        BackendScanner().feed(row(5) + b"D\0\0\0\x03" + bytes(100))


@pytest.mark.parametrize("code", sorted(set(range(256)) - BACKEND_TYPES))
def test_unknown_type_from_the_server_is_refused_at_once(code: int) -> None:
    for stream in (bytes((code,)), READY + bytes((code,)), READY + bytes((code, 0, 0, 0, 4))):
        with pytest.raises(MalformedMessage):
            BackendScanner().feed(stream)


@pytest.mark.parametrize("limits", [session_limits(), LOGIN_LIMITS], ids=["session", "login"])
def test_type_that_a_client_may_not_send_is_refused_at_once(limits: dict[int, int]) -> None:
    for code in set(range(256)) - limits.keys():
        with pytest.raises(MalformedMessage):
            FrontendScanner(limits).feed(bytes((code,)))


@pytest.mark.parametrize("tag, limit", [(b"S", SMALL_MESSAGE_BYTES), (b"Q", 50_000), (b"B", 50_000), (b"f", 10_000)])
def test_length_from_a_client_is_limited_by_type(tag: bytes, limit: int) -> None:
    def feed(length: int) -> list[Frame]:
        return FrontendScanner(session_limits(50_000)).feed(
            tag + length.to_bytes(4, "big") + bytes(min(max(length - 4, 0), 50_000))
        )

    assert len(feed(limit)) == 1
    for length in (limit + 1, 3, 0, 0x80000000):
        with pytest.raises(MalformedMessage):
            feed(length)


def test_password_is_limited_before_login() -> None:
    with pytest.raises(MalformedMessage):
        FrontendScanner(LOGIN_LIMITS).feed(b"p\0\1\0\0")
    assert FrontendScanner(LOGIN_LIMITS).feed(b"p\0\0\xff\xff") == []


@given(stream=st.binary(max_size=80), places=st.lists(st.integers(0, 80), max_size=4))
def test_garbage_is_refused_or_waits(stream: bytes, places: list[int]) -> None:
    for scanner in (FrontendScanner(), BackendScanner(), BackendScanner(stream_from_bytes=8)):
        try:
            for chunk in cut(stream, (min(place, len(stream)) for place in places)):
                scanner.feed(chunk)
        except (MalformedMessage, TooManyBytes):
            pass
