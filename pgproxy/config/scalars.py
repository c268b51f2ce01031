"""What single texts of pgproxy.yaml mean: durations, addresses, keys, passwords, addresses of web services.

Each parser raises ValueError(message, suggestion); neither part holds the text, which may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from urllib.parse import urlsplit

from pgproxy.config.settings import Address

KEY_BYTES = 32
_KEYGEN = "make one with: pgproxy keygen"

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_VERIFIER = re.compile(r"SCRAM-SHA-256\$([1-9][0-9]{0,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_VERIFIER_PREFIX = "SCRAM-SHA-256$"
_MD5_HASH = re.compile(r"md5[0-9a-f]{32}")


def parse_duration(text: str) -> float:
    """Seconds of "3s", "15m", "24h", "7d"."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("is no duration", "write 3s, 15m, 24h or 7d")
    return float(int(match[1]) * _SECONDS[match[2]])


def parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ValueError("the port must be a number from 0 to 65535")
    return int(text)


def parse_address(text: str) -> Address:
    """HOST:PORT, an IPv6 host in brackets. Port 0 lets the system choose."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError("must be HOST:PORT", "e.g. 127.0.0.1:6543")
    if host.startswith("[") and host.endswith("]"):
        try:
            return Address(str(ipaddress.IPv6Address(host[1:-1])), parse_port(port))
        except ipaddress.AddressValueError:
            raise ValueError("not an IPv6 address between the brackets") from None
    if ":" in host:
        raise ValueError("an IPv6 address needs brackets", "e.g. [::1]:6543")
    if not host or host == "*":
        raise ValueError("the host is missing", "0.0.0.0 or [::] for every address of this machine")
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ipaddress.AddressValueError:
            raise ValueError("not an IPv4 address") from None
    elif not _HOST.fullmatch(host):
        raise ValueError("not a host name or address")
    return Address(host, parse_port(port))


def parse_masking_key(text: str) -> bytes:
    """32 bytes, as 64 hex digits or as base64 (either alphabet, padded or not)."""
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return bytes.fromhex(text)
    padded = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        key = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is neither hex nor base64", _KEYGEN) from None
    if re.fullmatch(r"[0-9A-Fa-f]+", text):
        raise ValueError(f"has {len(text)} hex digits, 64 are needed", _KEYGEN)
    if len(key) != KEY_BYTES:
        raise ValueError(f"is {len(key)} bytes long, {KEY_BYTES} are needed", _KEYGEN)
    return key


def parse_password(text: str) -> str:
    """A plain password, or a SCRAM-SHA-256 verifier as pg_authid.rolpassword holds it; its form is checked."""
    if _MD5_HASH.fullmatch(text):
        raise ValueError("is an md5 hash, which cannot authenticate a client", "use the password or a SCRAM verifier")
    if text.startswith(_VERIFIER_PREFIX) and not _is_verifier(text):
        raise ValueError(
            "begins like a SCRAM verifier and is none",
            "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY, as pg_authid.rolpassword holds it",
        )
    if "\0" in text:
        raise ValueError("holds a zero byte")
    return text


def parse_web_url(text: str) -> str:
    """http:// or https://."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("must be an http:// or https:// address")
    return text


def parse_webhook_secret(text: str) -> str:
    """As Standard Webhooks writes it, `whsec_` and base64, or any other text. Never shown in the error."""
    prefix, found, encoded = text.partition("whsec_")
    if not found or prefix:
        return text
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("must have base64 behind whsec_")
    return text


def _is_verifier(text: str) -> bool:
    match = _VERIFIER.fullmatch(text)
    if match is None:
        return False
    try:
        salt, stored_key, server_key = (base64.b64decode(part, validate=True) for part in match.groups()[1:])
    except binascii.Error:
        return False
    return bool(salt) and len(stored_key) == len(server_key) == KEY_BYTES
