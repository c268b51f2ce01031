"""`{scrub: [KIND…]}`: find personal data in free text and put a pseudonym of the same kind in its place.

Kinds are looked for one after the other in a fixed order, in what the earlier ones left; so the order in a rule
says nothing. Where a pattern is in doubt it matches: a number too much is less harm than one too few. Every pattern
runs in time that grows with the text only (no start inside a run, bounded repeats): texts may be long and hostile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

from pgproxy.masking import fakes, textmasks
from pgproxy.masking.checkdigits import iban_with_check_digits, luhn_digit, passes_iban, passes_luhn
from pgproxy.masking.keys import Draw, MaskingKeys

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

_URL = re.compile(
    r"(?:https?|ftp|wss?|s3)://[^\s<>\"'\u2018\u2019\u201c\u201d]+|(?<!\w)www\.[^\s<>\"'\u2018\u2019\u201c\u201d]+",
    re.IGNORECASE,
)
_LOCAL = r"\w.!#$%&*+=?^`{|}~\-"
_EMAIL = re.compile(rf"(?<![{_LOCAL}])[{_LOCAL}]+@[\w\-]+(?:\.[\w\-]+)*")
_SEPARATOR = r"[ \t\u00a0\u202f.\-\u2010-\u2013/]"
_IBAN = re.compile(rf"(?<![A-Za-z0-9])[A-Za-z]{{2}}[0-9]{{2}}(?:{_SEPARATOR}?[A-Za-z0-9]){{11,30}}")
_CARD_RUN = re.compile(rf"(?<![0-9])[0-9](?:{_SEPARATOR}{{0,2}}[0-9]){{11,}}")
_SSN = re.compile(rf"(?<!\d)\d{{3}}({_SEPARATOR}?)\d{{2}}\1\d{{4}}(?!\d)")
_IPV4 = re.compile(r"(?<![0-9])(?<![0-9]\.)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
_IPV6 = re.compile(
    r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{0,4}:(?:[0-9A-Fa-f]{0,4}:){1,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{0,4})"
)
_MAC = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}([:\-])(?:[0-9A-Fa-f]{2}\1){4,6}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])")
_PHONE = re.compile(r"(?:\+[ \t]?)?\(?\d(?:[ \t\u00a0\u202f.\-\u2010-\u2013/()]{0,3}\d){6,}")
_DATE = re.compile(r"\d{4}-[01]\d-[0-3]\d(?:[ \t]+[0-2]?\d)?|[0-3]?\d([./])[0-3]?\d\1(?:19|20)\d\d(?:[ \t]+[0-2]?\d)?")
_CARD_LENGTHS = (16, 15, 19, 18, 17, 14, 13, 12)
_TRAILING = ".,;:!?)]}"


def _all(pattern: re.Pattern[str]) -> Finder:
    return lambda text: (found.span() for found in pattern.finditer(text))


def _urls(text: str) -> Iterator[Span]:
    for found in _URL.finditer(text):
        yield found.start(), found.start() + len(found[0].rstrip(_TRAILING))


def _ibans(text: str) -> Iterator[Span]:
    at = 0
    while (found := _IBAN.search(text, at)) is not None:
        at = found.start() + 1
        # The pattern runs on into following words: the longest beginning that passes is the number.
        for end in range(found.end(), found.start() + 14, -1):
            iban = _bare(text[found.start() : end]).upper()
            if len(iban) < 15:
                break
            if text[end - 1].isalnum() and passes_iban(iban):
                yield found.start(), end
                at = end
                break


def _cards(text: str) -> Iterator[Span]:
    for run in _CARD_RUN.finditer(text):
        places = [run.start() + index for index, character in enumerate(run[0]) if character.isdigit()]
        first = 0
        while first < len(places):
            begins = first == 0 or places[first - 1] < places[first] - 1
            length = _card_length(text, places, first) if begins else 0
            if length:
                yield places[first], places[first + length - 1] + 1
            first += length or 1


def _card_length(text: str, places: list[int], first: int) -> int:
    """Digits of the card number that begins at places[first]; 0: none does."""
    for length in _CARD_LENGTHS:
        last = first + length - 1
        if last >= len(places) or (last + 1 < len(places) and places[last + 1] == places[last] + 1):
            continue
        if passes_luhn("".join(text[place] for place in places[first : last + 1])):
            return length
    return 0


def _addresses(text: str) -> Iterator[Span]:
    for found in sorted((*_IPV4.finditer(text), *_IPV6.finditer(text)), key=lambda found: found.start()):
        text_of = found[0]
        # "ip:fe80::1." has a colon before it that is none of its own.
        start = found.start() + (text_of.startswith(":") and not text_of.startswith("::"))
        end = found.end() - (text_of.endswith(":") and not text_of.endswith("::"))
        if _is_address(text[start:end]):
            yield start, end


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return False
    return True


def _phones(text: str) -> Iterator[Span]:
    for found in _PHONE.finditer(text):
        if not _DATE.fullmatch(found[0]) and not (found[0].count(".") == 3 and _is_address(found[0])):
            yield found.span()


def _fake(keys: MaskingKeys, provider: str) -> Callable[[str], str]:
    # The domain of {fake: PROVIDER}: an address in a note and in its own column get the same pseudonym.
    draw, make = keys.draw(f"fake:{provider}"), fakes.provider(provider).make
    return lambda found: make(draw(found.encode("utf-8"))).decode("utf-8")


def _digits(keys: MaskingKeys) -> Callable[[str], str]:
    mask = textmasks.digits(keys.draw("digits"))
    return lambda found: (mask(found.encode("utf-8")) or b"").decode("utf-8")


def _card(keys: MaskingKeys) -> Callable[[str], str]:
    draw = keys.draw("scrub:credit_card")

    def replace(found: str) -> str:
        real = _bare(found)
        keyed = textmasks.keyed_digits(draw, real.encode(), len(real) - 1).decode()
        return _spread(found, keyed + luhn_digit(keyed))

    return replace


def _iban(keys: MaskingKeys) -> Callable[[str], str]:
    draw = keys.draw("scrub:iban")

    def replace(found: str) -> str:
        real = _bare(found).upper()
        account = _same_shape(draw, real, real[4:])
        return _spread(found, iban_with_check_digits(real[:2], account))

    return replace


def _same_shape(draw: Draw, seed: str, text: str) -> str:
    """Keyed digits for digits and capitals for letters; at most 30 of them."""
    keyed = draw(seed.encode())
    return "".join(
        str(byte % 10) if character.isdigit() else chr(0x41 + byte % 26)
        for byte, character in zip(keyed, text, strict=False)
    )


def _bare(found: str) -> str:
    return "".join(filter(str.isalnum, found))


def _spread(found: str, characters: str) -> str:
    """The characters in place of those of `found` that are no separators."""
    following = iter(characters)
    return "".join(next(following) if character.isalnum() else character for character in found)


def _address(keys: MaskingKeys) -> Callable[[str], str]:
    version4, version6 = _fake(keys, "ipv4"), _fake(keys, "ipv6")
    return lambda found: version6(found) if ":" in found else version4(found)


_KINDS: dict[str, tuple[Finder, Callable[[MaskingKeys], Callable[[str], str]]]] = {
    # In the order in which they are looked for: the more exact first.
    "url": (_urls, lambda keys: _fake(keys, "url")),
    "email": (_all(_EMAIL), lambda keys: _fake(keys, "email")),
    "iban": (_ibans, _iban),
    "credit_card": (_cards, _card),
    "ssn": (_all(_SSN), _digits),
    "ip": (_addresses, _address),
    "mac": (_all(_MAC), lambda keys: _fake(keys, "mac_address")),
    "phone": (_phones, _digits),
}

KINDS = tuple(_KINDS)


def scrub(keys: MaskingKeys, kinds: tuple[str, ...]) -> textmasks.TextMask:
    """Raises KeyError for a kind that is none of `KINDS`."""
    unknown = set(kinds) - _KINDS.keys()
    if unknown:
        raise KeyError("unknown kind")
    passes = [(finder, make(keys)) for kind, (finder, make) in _KINDS.items() if kind in kinds]

    def mask(value: bytes) -> bytes:
        pieces: list[tuple[str, bool]] = [(value.decode("utf-8"), False)]
        for finder, replace in passes:
            pieces = [found for piece in pieces for found in _pass(piece, finder, replace)]
        return "".join(text for text, _ in pieces).encode("utf-8")

    return mask


def _pass(piece: tuple[str, bool], finder: Finder, replace: Callable[[str], str]) -> Iterator[tuple[str, bool]]:
    """The piece cut at what the finder finds; pieces that are pseudonyms already stay as they are."""
    text, is_done = piece
    if is_done:
        yield piece
        return
    at = 0
    for start, end in finder(text):
        if start < at:
            continue
        if start > at:
            yield text[at:start], False
        yield replace(text[start:end]), True
        at = end
    if at < len(text):
        yield text[at:], False
