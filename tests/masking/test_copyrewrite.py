"""COPY's rows come masked as DataRow's values do, in every format, with every option, cut anywhere."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproxy.errors import MalformedMessage
from pgproxy.masking.copyrewrite import copy_rewriter
from pgproxy.masking.plan import MaskPlan
from pgproxy.wire.copyrows import BINARY_SIGNATURE, CopyFormat

Value = bytes | None


def shown(value: bytes) -> bytes | None:
    """A mask whose result needs every kind of escaping that its value does; some values give NULL."""
    return None if len(value) % 5 == 4 else b"<" + value[::-1] + b">"


def text_field(value: Value, form: CopyFormat) -> bytes:
    """As CopyAttributeOutText writes it; another wording of it than the package's."""
    if value is None:
        return form.null
    for raw, letter in ((b"\\", b"\\"), (b"\b", b"b"), (b"\f", b"f"), (b"\n", b"n"), (b"\r", b"r"), (b"\v", b"v")):
        value = value.replace(raw, b"\\" + letter)
    value = value.replace(b"\t", b"\\t")
    return value if form.delimiter == b"\t" else value.replace(form.delimiter, b"\\" + form.delimiter)


def csv_field(value: Value, form: CopyFormat, *, is_only: bool, is_forced: bool) -> bytes:
    """As CopyAttributeOutCSV writes it."""
    if value is None:
        return form.null
    special = (form.delimiter, form.quote, b"\n", b"\r")
    if not (is_forced or value == form.null or any(s in value for s in special) or (is_only and value == b"\\.")):
        return value
    out = bytearray()
    for code in value:
        byte = bytes((code,))
        out += form.escape + byte if byte in (form.quote, form.escape) else byte
    return form.quote + bytes(out) + form.quote


def stream(rows: Sequence[Sequence[Value]], form: CopyFormat, names: Sequence[str]) -> bytes:
    """What a server sends for these rows."""
    if form.is_binary:
        fields = b"".join(
            struct.pack("!h", len(row))
            + b"".join(struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in row)
            for row in rows
        )
        return BINARY_SIGNATURE + bytes(8) + fields + b"\xff\xff"
    lines: list[Sequence[bytes]] = []
    for number, row in enumerate([[name.encode() for name in names], *rows] if form.has_header else rows):
        is_header = form.has_header and number == 0
        if form.name == "text":
            lines.append([text_field(value, form) for value in row])
            continue
        forced = set() if is_header else set(names if form.force_quote == ("*",) else form.force_quote)
        lines.append(
            [
                csv_field(value, form, is_only=len(row) == 1, is_forced=name in forced)
                for name, value in zip(names, row, strict=True)
            ]
        )
    return b"".join(form.delimiter.join(line) + b"\n" for line in lines)


def rewritten(data: bytes, plan: MaskPlan, form: CopyFormat, names: Sequence[str], cuts: Sequence[int] = ()) -> bytes:
    rewriter = copy_rewriter(plan, form, names)
    places = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    out = b"".join(rewriter.feed(data[a:b]) for a, b in pairwise(places))
    rewriter.finish()
    return out


letters = st.sampled_from(b"ab\\\t\n\r\v\b\f,;\"'~!.N \x01\xc3\xa9")
values = st.lists(letters, max_size=9).map(bytes)
texts = st.builds(
    CopyFormat,
    st.just("text"),
    delimiter=st.sampled_from([b"\t", b",", b";", b"\x01"]),
    null=st.sampled_from([b"\\N", b"\\X", b"n\\ul"]),
    has_header=st.booleans(),
)
csvs = st.builds(
    CopyFormat,
    st.just("csv"),
    delimiter=st.sampled_from([b",", b";", b"\t"]),
    null=st.sampled_from([b"", b"\\N", b"nix", b"a"]),
    quote=st.sampled_from([b'"', b"'", b"~"]),
    escape=st.sampled_from([b'"', b"'", b"\\", b"!", b","]),
    has_header=st.booleans(),
    force_quote=st.sampled_from([(), ("*",), ("a",), ("b", "c")]),
)
forms = st.just(CopyFormat("binary")) | texts | csvs


@given(st.data())
def test_masked_rows_are_what_the_server_would_write_of_masked_values(data: st.DataObject) -> None:
    form = data.draw(forms)
    width = data.draw(st.integers(1, 4))
    names = ["a", "b", "c", "d"][:width]
    rows = data.draw(st.lists(st.lists(values | st.none(), min_size=width, max_size=width), max_size=5))
    masked = sorted(data.draw(st.sets(st.integers(0, width - 1), min_size=1)))
    plan = MaskPlan(tuple((index, shown) for index in masked), width)
    sent = stream(rows, form, names)
    cuts = data.draw(st.lists(st.integers(1, max(1, len(sent))), max_size=6))
    expected = [
        [shown(v) if v is not None and at in masked else v for at, v in enumerate(row)] for row in rows
    ]  # fmt: skip
    assert rewritten(sent, plan, form, names, cuts) == stream(expected, form, names)


@given(st.data())
def test_what_is_no_stream_of_a_server_gives_no_unmasked_byte(data: st.DataObject) -> None:
    """Whatever comes: either it is refused, or every value of the masked column in it came out of the mask."""
    form = data.draw(forms)
    garbage = data.draw(st.lists(letters, max_size=60).map(bytes))
    if form.is_binary:
        garbage = BINARY_SIGNATURE + bytes(8) + struct.pack("!hi", 1, len(garbage)) + garbage
    seen: list[bytes] = []

    def mask(value: bytes) -> bytes:
        seen.append(value)
        return b"#"

    rewriter = copy_rewriter(MaskPlan(((0, mask),), 1), form, ["a"])
    try:
        out = rewriter.feed(garbage)
    except MalformedMessage:
        return
    if form.is_binary:
        assert out == BINARY_SIGNATURE + bytes(8) + struct.pack("!hi", 1, 1) + b"#"
    else:
        lines = out.split(b"\n")[1 if form.has_header and out else 0 : -1] if form.name == "text" else []
        assert all(line in (b"#", form.null) for line in lines)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (CopyFormat(), b"1\n"),
        (CopyFormat(), b"1\t2\t3\n"),
        (CopyFormat(), b"1\t2\\x\n"),
        (CopyFormat(), b"1\\\t2\n"),
        (CopyFormat(), b"1\t2\\\n"),
        (CopyFormat("csv", b",", b""), b"1,2,3\n"),
        (CopyFormat("csv", b",", b""), b'1,a"b"\n'),
        (CopyFormat("csv", b",", b""), b'1,"a"b\n'),
        (CopyFormat("csv", b",", b""), b'"x",a\rb\n'),
        (CopyFormat("binary"), b"PGCOPX\n\xff\r\n\0" + bytes(8)),
        (CopyFormat("binary"), BINARY_SIGNATURE + b"\0\1\0\0" + bytes(4)),
        (CopyFormat("binary"), BINARY_SIGNATURE + bytes(4) + b"\0\0\0\1" + b"x"),
        (CopyFormat("binary"), BINARY_SIGNATURE + bytes(8) + b"\0\1" + b"\xff\xff\xff\xff"),
        (CopyFormat("binary"), BINARY_SIGNATURE + bytes(8) + b"\0\2" + b"\xff\xff\xff\xfe"),
        (CopyFormat("binary"), BINARY_SIGNATURE + bytes(8) + b"\xff\xff" + b"\0\2"),
    ],
)
def test_malformed_rows_are_refused(form: CopyFormat, data: bytes) -> None:
    rewriter = copy_rewriter(MaskPlan(((1, shown),), 2), form, ["a", "b"])
    with pytest.raises(MalformedMessage):
        rewriter.feed(data)


@pytest.mark.parametrize("name", ["text", "csv", "binary"])
def test_a_stream_that_ends_within_a_row_is_refused(name: str) -> None:
    form = CopyFormat(name)  # type: ignore[arg-type]
    data = stream([[b"1", b"x"]], form, ["a", "b"])
    for size in range(1, len(data)):
        rewriter = copy_rewriter(MaskPlan(((1, shown),), 2), form, ["a", "b"])
        rewriter.feed(data[:size])
        with pytest.raises(MalformedMessage):
            rewriter.finish()


def test_a_csv_reader_of_another_make_reads_the_masked_values() -> None:
    form = CopyFormat("csv", b",", b"")
    rows: list[list[Value]] = [[b'a"b', b"x,\ny"], [b"", None], [b"plain", b"\\."]]
    plan = MaskPlan(((0, lambda v: v + b'"'), (1, lambda v: v + b"\r\n")), 2)
    text = rewritten(stream(rows, form, ["a", "b"]), plan, form, ["a", "b"]).decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ['a"b"', "x,\ny\r\n"],
        ['"', ""],
        ['plain"', "\\.\r\n"],
    ]


@pytest.mark.parametrize(
    ("null", "is_distinct", "is_readable"),
    [
        (b"\\N", True, True),
        (b"\\\\N", False, True),
        (b"", False, True),
        (b"NULL", False, True),
        (b"\\t", False, True),
        (b"a\\", False, False),
        (b"\\N\\", True, False),
    ],
)
def test_a_null_string_is_distinct_where_no_value_is_written_like_it(
    null: bytes, is_distinct: bool, is_readable: bool
) -> None:
    form = CopyFormat(null=null)
    assert form.has_readable_null is is_readable
    if is_readable:
        assert form.has_distinct_null is is_distinct
