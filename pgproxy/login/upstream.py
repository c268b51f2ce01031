"""Logging in to the server behind the proxy: authentication requests in, answers out.

Trust, cleartext, md5 and SCRAM-SHA-256[-PLUS]. A cleartext password is given to whoever asks for it, as libpq does:
`upstream.sslmode` decides how much is known about who that is. An upstream that should prove itself needs
`verify-full`, or SCRAM, where it has to show that it knows the password.

Message framing is `wire`'s; errors that the server sends (a wrong password) are the session's.

Source: PostgreSQL manual, "Message Flow", Start-up, and "Message Formats", Authentication*.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from pgproxy.errors import LoginRefused, MalformedMessage
from pgproxy.login.md5 import md5_response
from pgproxy.login.scram import ScramClient, new_nonce
from pgproxy.login.verifiers import KeyCache


class Request(IntEnum):
    """The code of an Authentication message."""

    OK = 0
    KERBEROS_V5 = 2
    CLEARTEXT_PASSWORD = 3
    MD5_PASSWORD = 5
    GSS = 7
    GSS_CONTINUE = 8
    SSPI = 9
    SASL = 10
    SASL_CONTINUE = 11
    SASL_FINAL = 12


_UNSUPPORTED: dict[int, str] = {
    Request.KERBEROS_V5: "Kerberos V5",
    Request.GSS: "GSSAPI",
    Request.GSS_CONTINUE: "GSSAPI",
    Request.SSPI: "SSPI",
}


class UpstreamLogin:
    """One login with a role's password.

    Args:
        password: None if there is none; a server that asks for it is then refused.
        channel_binding: the tls-server-end-point data of the server's certificate, None without.
    """

    def __init__(
        self,
        user: str,
        password: str | bytes | None,
        *,
        channel_binding: bytes | None,
        keys: KeyCache,
        require_channel_binding: bool = False,
        nonce: Callable[[], str] = new_nonce,
    ) -> None:
        self._user = user
        self._password = password.encode("utf-8", "surrogateescape") if isinstance(password, str) else password
        self._channel_binding = channel_binding
        self._keys = keys
        self._require_channel_binding = require_channel_binding
        self._nonce = nonce
        self._scram: ScramClient | None = None
        self._answered = False
        self._is_complete = False

    @property
    def is_complete(self) -> bool:
        """AuthenticationOk came, in its place."""
        return self._is_complete

    def respond(self, code: int, payload: bytes) -> bytes | None:
        """Answer an Authentication message.

        Args:
            code: its Int32.
            payload: what follows the code.
        Returns:
            the body of the PasswordMessage, SASLInitialResponse or SASLResponse to send (all of tag "p"); None where
            nothing is to be sent (Ok, SASLFinal).
        Raises:
            LoginRefused: an unsupported method, no password, or a server that does not prove itself.
            MalformedMessage: out of place or out of form.
        """
        if self._is_complete:
            raise _out_of_place()
        match code:
            case Request.OK:
                self._finish(payload)
                return None
            case Request.CLEARTEXT_PASSWORD:
                self._refuse_unbound()
                return self._first_answer(lambda password: password + b"\0")
            case Request.MD5_PASSWORD:
                self._refuse_unbound()
                if len(payload) != 4:
                    raise MalformedMessage("malformed authentication request from the upstream server")
                return self._first_answer(lambda password: md5_response(self._user, password, payload) + b"\0")
            case Request.SASL:
                return self._first_answer(lambda password: self._begin_scram(password, payload))
            case Request.SASL_CONTINUE if self._scram is not None:
                return self._scram.final(payload)
            case Request.SASL_FINAL if self._scram is not None:
                self._scram.verify(payload)
                return None
            case Request.SASL_CONTINUE | Request.SASL_FINAL:
                raise _out_of_place()
            case _:
                raise unsupported_method(code)

    def _first_answer(self, answer: Callable[[bytes], bytes]) -> bytes:
        """A server asks once. One that asks again would get a second form of the password to work on."""
        if self._answered:
            raise _out_of_place()
        if not self._password:
            raise LoginRefused(f'the upstream server asks for a password of role "{self._user}" and none is configured')
        self._answered = True
        return answer(self._password)

    def _begin_scram(self, password: bytes, payload: bytes) -> bytes:
        self._scram = ScramClient(
            self._user,
            password,
            offered=read_mechanisms(payload),
            channel_binding=self._channel_binding,
            keys=self._keys,
            require_channel_binding=self._require_channel_binding,
            nonce=self._nonce,
        )
        first = self._scram.first()
        return self._scram.mechanism.encode() + b"\0" + len(first).to_bytes(4, "big") + first

    def _refuse_unbound(self) -> None:
        if self._require_channel_binding:
            raise LoginRefused("the upstream server does not offer SCRAM with channel binding")

    def _finish(self, payload: bytes) -> None:
        if payload:
            raise MalformedMessage("malformed authentication request from the upstream server")
        if self._scram is None:
            self._refuse_unbound()
        elif not self._scram.is_verified:
            raise LoginRefused("the upstream server did not prove that it knows the password")
        self._is_complete = True


def read_mechanisms(payload: bytes) -> tuple[str, ...]:
    """The list of AuthenticationSASL: names, each closed by a zero byte, and a zero byte."""
    if not payload.endswith(b"\0\0"):
        raise MalformedMessage("malformed authentication request from the upstream server")
    try:
        names = tuple(name.decode("ascii") for name in payload[:-2].split(b"\0"))
    except UnicodeDecodeError:
        raise MalformedMessage("malformed authentication request from the upstream server") from None
    if not all(names):
        raise MalformedMessage("malformed authentication request from the upstream server")
    return names


def write_mechanisms(names: tuple[str, ...]) -> bytes:
    return b"".join(name.encode("ascii") + b"\0" for name in names) + b"\0"


def unsupported_method(code: int) -> LoginRefused:
    name = _UNSUPPORTED.get(code, f"method {code}")
    return LoginRefused(
        f"the upstream server asks for authentication by {name}, which this proxy does not support",
        hint="Let pg_hba.conf ask the proxy's host for scram-sha-256.",
    )


def _out_of_place() -> MalformedMessage:
    return MalformedMessage("authentication request out of order from the upstream server")
