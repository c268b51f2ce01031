"""inet, cidr, macaddr, macaddr8. Source: `src/backend/utils/adt/{network,mac,mac8}.c`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from pgproxy.wire.formats.codec import Codec, Family

_AF_INET, _AF_INET6 = 2, 3


@dataclass(frozen=True, slots=True)
class Network:
    """An address with the length of its network part."""

    version: int
    """4 or 6."""
    address: int
    bits: int

    @property
    def width(self) -> int:
        return 32 if self.version == 4 else 128

    def __str__(self) -> str:
        address = str(IPv4Address(self.address)) if self.version == 4 else _ipv6_text(self.address)
        return address if self.bits == self.width else f"{address}/{self.bits}"


def _ipv6_text(address: int) -> str:
    """As the server writes it: the last 32 bits as IPv4 behind 80 or 96 zero bits."""
    high, low = divmod(address, 1 << 32)
    if high == 0xFFFF:
        return f"::ffff:{IPv4Address(low)}"
    if high == 0 and low >= 1 << 16:
        return f"::{IPv4Address(low)}"
    return str(IPv6Address(address))


def _parse(data: bytes) -> Network:
    text, slash, bits = data.decode("ascii").partition("/")
    address: IPv4Address | IPv6Address = IPv6Address(text) if ":" in text else IPv4Address(text)
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError("scoped address")
    return _checked(Network(address.version, int(address), int(bits) if slash else address.max_prefixlen))


def _checked(value: Network) -> Network:
    if not 0 <= value.bits <= value.width:
        raise ValueError("no network")
    return value


def _from_binary(data: bytes) -> Network:
    family, bits, _is_cidr, length = data[:4]
    version = {_AF_INET: 4, _AF_INET6: 6}[family]
    if length != (4 if version == 4 else 16) or len(data) != 4 + length:
        raise ValueError("no address")
    return _checked(Network(version, int.from_bytes(data[4:], "big"), bits))


def _codec(is_cidr: bool) -> Codec:
    def to_text(value: Network) -> bytes:
        text = str(value)
        return (text if "/" in text or not is_cidr else f"{text}/{value.bits}").encode()

    def to_binary(value: Network) -> bytes:
        length = value.width // 8
        family = _AF_INET if value.version == 4 else _AF_INET6
        return bytes((family, value.bits, is_cidr, length)) + value.address.to_bytes(length, "big")

    def check(value: Network) -> Network:
        if is_cidr and value.address & ((1 << value.width - value.bits) - 1):
            raise ValueError("bits right of the network part")
        return value

    return Codec(
        Family.INET,
        lambda data: check(_parse(data)),
        to_text,
        lambda data: check(_from_binary(data)),
        to_binary,
        str,
    )


INET = _codec(is_cidr=False)
CIDR = _codec(is_cidr=True)


def _mac_codec(length: int) -> Codec:
    def check(value: bytes) -> bytes:
        if len(value) != length:
            raise ValueError("no MAC address")
        return value

    def from_text(data: bytes) -> bytes:
        value = bytes.fromhex(re.sub(r"[:.\-]", "", data.decode("ascii")))
        # macaddr8 takes the shorter kind too.
        return check(value[:3] + b"\xff\xfe" + value[3:] if length == 8 and len(value) == 6 else value)

    def to_text(value: bytes) -> bytes:
        return value.hex(":").encode()

    return Codec(Family.MAC, from_text, to_text, lambda data: check(bytes(data)), bytes, lambda value: value.hex(":"))


MACADDR = _mac_codec(6)
MACADDR8 = _mac_codec(8)
