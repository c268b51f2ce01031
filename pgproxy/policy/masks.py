"""The masks that rules can name, as values (INTERFACE §4). What they do to a value is in `pgproxy.masking`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Null:
    pass


@dataclass(frozen=True, slots=True)
class Redact:
    pass


@dataclass(frozen=True, slots=True)
class Constant:
    value: str
    """As SQL text of the column's type, e.g. "0", "n/a", "2000-01-01"."""


@dataclass(frozen=True, slots=True)
class Hash:
    pass


@dataclass(frozen=True, slots=True)
class Partial:
    keep_first: int = 0
    keep_last: int = 0
    char: str = "*"


@dataclass(frozen=True, slots=True)
class Fake:
    provider: str


@dataclass(frozen=True, slots=True)
class Digits:
    pass


@dataclass(frozen=True, slots=True)
class Tokenize:
    alphabet: str
    """digits | alnum"""


@dataclass(frozen=True, slots=True)
class Round:
    unit: str
    """A positive decimal number as text: "10000", "0.5"."""


@dataclass(frozen=True, slots=True)
class Truncate:
    unit: str
    """year | month | day | hour"""


@dataclass(frozen=True, slots=True)
class ShiftDays:
    days: int


@dataclass(frozen=True, slots=True)
class Scrub:
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Json:
    paths: tuple[tuple[str, Mask], ...]
    """("$.address", mask) in file order."""


Mask = (
    Null | Redact | Constant | Hash | Partial | Fake | Digits | Tokenize | Round | Truncate | ShiftDays | Scrub | Json
)
