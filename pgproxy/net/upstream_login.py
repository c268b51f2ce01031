"""Logging in upstream, from the StartupMessage to ReadyForQuery.

Source: PostgreSQL manual, "Message Flow", Start-up.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pgproxy.config.settings import Credentials
from pgproxy.errors import UpstreamUnreachable
from pgproxy.login.certificates import certificate_hash
from pgproxy.login.upstream import UpstreamLogin
from pgproxy.login.verifiers import KeyCache
from pgproxy.net.link import ConnectionGone, Link
from pgproxy.wire import asynchronous, authentication, results, startup

MESSAGE_LIMIT_BYTES = 1 << 20


@dataclass(slots=True)
class UpstreamSession:
    """What the server said of itself between AuthenticationOk and ReadyForQuery."""

    link: Link
    timeout_seconds: float
    """How long the server may be silent."""
    process_id: int = 0
    secret: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)
    status: str = "I"
    notices: list[bytes] = field(default_factory=list)


class UpstreamRefused(Exception):
    """The server ended the login; `response` is its ErrorResponse."""

    def __init__(self, response: asynchronous.ErrorResponse) -> None:
        super().__init__("the upstream refused the login")
        self.response = response


async def log_in(link: Link, role: Credentials, keys: KeyCache, *, timeout_seconds: float) -> UpstreamSession:
    """Log in as this role; the StartupMessage was sent.

    Raises:
        UpstreamRefused: by the server. LoginRefused: by us. UpstreamUnreachable: it went away or does not answer.
    """
    login = UpstreamLogin(role.user, role.password, channel_binding=channel_binding(link), keys=keys)
    session = UpstreamSession(link, timeout_seconds)
    while not login.is_complete:
        code, payload = await read_authentication(session)
        answer = login.respond(code, payload)
        if answer is not None:
            link.write(authentication.password_frame(answer))
    return await read_until_ready(session)


async def read_authentication(session: UpstreamSession) -> tuple[int, bytes]:
    """Code and payload of the next Authentication message."""
    while True:
        tag, body = await _read(session)
        if tag == b"R" and len(body) >= 4:
            return int.from_bytes(body[:4], "big"), body[4:]
        if tag == b"E":
            raise UpstreamRefused(asynchronous.ErrorResponse.decode(body))
        if tag not in (b"N", b"v"):
            raise UpstreamUnreachable("the upstream server did not answer as PostgreSQL does")


async def read_until_ready(session: UpstreamSession) -> UpstreamSession:
    """What follows AuthenticationOk."""
    while True:
        tag, body = await _read(session)
        match tag:
            case b"S":
                status = asynchronous.ParameterStatus.decode(body)
                session.parameters[status.name] = status.value
            case b"K":
                key = startup.BackendKeyData.decode(body)
                session.process_id, session.secret = key.process_id, key.secret
            case b"Z":
                session.status = results.ReadyForQuery.decode(body).status
                return session
            case b"N":
                session.notices.append(asynchronous.NoticeResponse.decode(body).encode())
            case b"E":
                raise UpstreamRefused(asynchronous.ErrorResponse.decode(body))
            case _:
                raise UpstreamUnreachable("the upstream server did not answer as PostgreSQL does")


def channel_binding(link: Link) -> bytes | None:
    """The tls-server-end-point data of the server's certificate; None without TLS."""
    if link.ssl_object is None:
        return None
    der = link.ssl_object.getpeercert(binary_form=True)
    return None if der is None else certificate_hash(der)


async def _read(session: UpstreamSession) -> tuple[bytes, bytes]:
    try:
        async with asyncio.timeout(session.timeout_seconds):
            return await session.link.read_message(MESSAGE_LIMIT_BYTES)
    except TimeoutError:
        raise UpstreamUnreachable(
            f"the upstream server did not answer the login within {session.timeout_seconds:g} s"
        ) from None
    except ConnectionGone:
        raise UpstreamUnreachable("the upstream server closed the connection during login") from None
