"""Rows a second through `rewrite_rows`: 5 columns, 3 masked (fake name, fake email, digits), all values distinct.

    python benchmarks/mask_rows.py [--rows N] [--repeat N]

In one process, without sockets; prints the best and the median of the repeats.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import struct
import time
from dataclasses import dataclass

from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.plan import plan_masks
from pgproxy.masking.rewrite import rewrite_rows
from pgproxy.policy.masks import Digits, Fake, Mask
from pgproxy.wire.formats import oids

CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Column:
    type_oid: int
    typmod: int = -1
    format: int = 0


ROW = (Column(oids.INT4), Column(oids.TEXT), Column(oids.TEXT), Column(oids.TEXT), Column(oids.TIMESTAMP))
MASKS: tuple[Mask | None, ...] = (None, Fake("name"), Fake("email"), Digits(), None)


def data_row(number: int) -> bytes:
    values = (
        b"%d" % number,
        b"Person Number %d" % number,
        b"person%d@mail.example" % number,
        b"+49 30 %08d" % number,
        b"2026-11-25 13:02:03",
    )
    body = b"".join(struct.pack("!i", len(value)) + value for value in values)
    return struct.pack("!cih", b"D", len(body) + 6, len(values)) + body


def chunks(rows: int) -> list[bytes]:
    out: list[bytes] = []
    chunk = bytearray()
    for number in range(rows):
        chunk += data_row(number)
        if len(chunk) >= CHUNK_BYTES:
            out.append(bytes(chunk))
            chunk.clear()
    out.append(bytes(chunk))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    plan = plan_masks(MASKS, ROW, {}, MaskingKeys(bytes(range(32))), {})
    data = chunks(arguments.rows)
    speeds = []
    for _ in range(arguments.repeat):
        started = time.perf_counter()
        for chunk in data:
            rewrite_rows(chunk, plan)
        speeds.append(arguments.rows / (time.perf_counter() - started))
    bytes_a_row = sum(map(len, data)) / arguments.rows
    print(
        f"python {platform.python_version()}, {arguments.rows:,} rows of {bytes_a_row:.0f} bytes: "
        f"best {max(speeds):,.0f} rows/s, median {statistics.median(speeds):,.0f}"
    )


if __name__ == "__main__":
    main()
