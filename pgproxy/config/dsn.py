"""postgresql:// addresses, as libpq reads them, with the parameters that a proxy has a use for.

Source: PostgreSQL manual, "Connection Strings" (connection URIs).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args
from urllib.parse import unquote

from pgproxy.config.problems import nearest_or_all
from pgproxy.config.scalars import parse_port
from pgproxy.config.settings import SslMode

DEFAULT_PORT = 5432
_SCHEMES = ("postgresql://", "postgres://")
PARAMETERS = (
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
)


@dataclass(frozen=True, slots=True)
class Dsn:
    host: str
    """A name, an address, or a directory (begins with "/")."""
    user: str
    database: str
    port: int = DEFAULT_PORT
    password: str | None = field(default=None, repr=False)
    sslmode: SslMode = "prefer"
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None
    connect_timeout_seconds: float = 10.0


def parse_dsn(text: str) -> Dsn:
    """Read `postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?PARAMETER=VALUE&…]`, percent-encoded.

    Raises:
        ValueError: (message, suggestion); neither holds a value of the text.
    """
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        raise ValueError("must begin with postgresql://", "postgresql://USER@HOST:5432/DATABASE")
    rest, _, query = text.removeprefix(scheme).partition("?")
    authority, _, database = rest.partition("/")
    login, at, place = authority.rpartition("@")
    user, colon, password = login.partition(":")
    host, port = _split_place(place)
    given = {"host": _decoded(host), "port": port, "user": _decoded(user), "dbname": _decoded(database)}
    if at and colon:
        given["password"] = _decoded(password)
    given |= _parameters(query)
    values = {key: value for key, value in given.items() if value}

    if "host" not in values:
        raise ValueError("the host is missing", "postgresql://USER@HOST:5432/DATABASE")
    if "," in values["host"] or "," in values.get("port", ""):
        raise ValueError("names several hosts; the proxy stands before one server")
    if "user" not in values:
        raise ValueError("the user is missing", "postgresql://USER@HOST:5432/DATABASE")
    number = parse_port(values.get("port", str(DEFAULT_PORT)))
    if number == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    return Dsn(
        host=values["host"],
        port=number,
        user=values["user"],
        password=values.get("password"),
        database=values.get("dbname") or values["user"],
        sslmode=_sslmode(values.get("sslmode", "prefer")),
        sslrootcert=values.get("sslrootcert"),
        sslcert=values.get("sslcert"),
        sslkey=values.get("sslkey"),
        connect_timeout_seconds=_timeout(values.get("connect_timeout", "10")),
    )


def _split_place(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError("not an IPv6 address between the brackets")
        return host, port[1:]
    if place.count(":") > 1:
        raise ValueError("an IPv6 address needs brackets", "postgresql://USER@[::1]:5432/DATABASE")
    host, _, port = place.partition(":")
    return host, port


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        name = _decoded(key)
        if not equals:
            raise ValueError("a parameter after ? has no =")
        if name not in PARAMETERS:
            raise ValueError(f'does not know the parameter "{name}"', nearest_or_all(name, PARAMETERS))
        if name in found:
            raise ValueError(f"has {name} twice")
        found[name] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("percent-encodes bytes that are not UTF-8") from None
    if "\0" in decoded:
        raise ValueError("holds a zero byte")
    return decoded


def _sslmode(text: str) -> SslMode:
    for mode in get_args(SslMode):
        if text == mode:
            found: SslMode = mode
            return found
    raise ValueError("has an unknown sslmode", nearest_or_all(text, get_args(SslMode)))


def _timeout(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 0):
        raise ValueError("connect_timeout must be a number of seconds from 1")
    return float(text)
