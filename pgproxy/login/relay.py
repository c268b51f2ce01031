"""`auth: upstream`: the server behind the proxy authenticates the client, the proxy carries the exchange.

Carried as they are: no password at all (trust), cleartext, md5, SCRAM-SHA-256. What a client and a server make of each
other's offers when TLS ends at the proxy decides about SCRAM; SCRAM-SHA-256-PLUS can never be carried, since the client
would bind its proof to our certificate. A PostgreSQL server offers PLUS exactly when it sees TLS:

    client leg | upstream leg | server offers | client is offered | libpq sends | server
    plain      | plain        | SCRAM         | SCRAM             | n           | accepts
    TLS        | plain        | SCRAM         | SCRAM             | y           | accepts: it has no PLUS to offer
    plain      | TLS          | PLUS, SCRAM   | SCRAM             | n           | accepts
    TLS        | TLS          | PLUS, SCRAM   | would be SCRAM    | y           | refuses: PLUS was taken from its offer
    TLS        | TLS          | SCRAM         | SCRAM             | y           | accepts (a pooler; a server before 11)

Without TLS libpq breaks off where PLUS is offered, so the offer is never passed on as it is. In the fourth case the
proxy asks for the password itself, inside the client's TLS, and logs in with it. A client that insists on its side
(`require_auth=scram-sha-256`, `channel_binding=require`) refuses that, as it should.

A cleartext request of the server is carried also to a client without TLS; `tls.mode: require` prevents that. What the
server believes of the proxy's host (`trust`, `ident`, a client certificate of the proxy's) it believes of every client.

Source: PostgreSQL manual, "SCRAM-SHA-256 Authentication"; RFC 5802 section 6; `src/backend/libpq/auth-scram.c`,
`src/interfaces/libpq/fe-auth.c`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pgproxy.errors import LoginRefused, MalformedMessage
from pgproxy.login.scram import SCRAM_SHA_256, SCRAM_SHA_256_PLUS, new_nonce, wrong_password
from pgproxy.login.upstream import Request, UpstreamLogin, read_mechanisms, unsupported_method, write_mechanisms
from pgproxy.login.verifiers import KeyCache


@dataclass(frozen=True, slots=True)
class TellClient:
    """Send the client an Authentication message; it answers all but SASL_FINAL and OK (to `from_client`)."""

    code: Request
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class AnswerUpstream:
    """Send the upstream this body in a message of tag "p"."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to send; the upstream speaks next."""


def can_relay_scram(*, client_tls: bool, upstream_tls: bool, offered: tuple[str, ...]) -> bool:
    """Whether a SCRAM exchange survives between these two legs; if not, ask for the password.

    Args:
        offered: what the upstream offers.
    """
    return SCRAM_SHA_256 in offered and not (client_tls and upstream_tls and SCRAM_SHA_256_PLUS in offered)


class LoginRelay:
    """One login that the upstream decides. The turn is kept: each side speaks only when the other has spoken.

    Args:
        user: the startup user, which is the upstream's role.
        channel_binding: of the upstream's certificate, for the case that the proxy logs in itself.
    """

    def __init__(
        self,
        user: str,
        *,
        client_tls: bool,
        upstream_tls: bool,
        channel_binding: bytes | None,
        keys: KeyCache,
        nonce: Callable[[], str] = new_nonce,
    ) -> None:
        self._user = user
        self._client_tls = client_tls
        self._upstream_tls = upstream_tls
        self._channel_binding = channel_binding
        self._keys = keys
        self._nonce = nonce
        self._carried: Request | None = None
        self._withheld: bytes | None = None
        self._own: UpstreamLogin | None = None
        self._client_answers = False
        self._is_complete = False

    @property
    def is_complete(self) -> bool:
        """The upstream has accepted the client."""
        return self._is_complete

    def from_upstream(self, code: int, payload: bytes) -> TellClient | AnswerUpstream | Wait:
        """What follows from an Authentication message of the upstream.

        Raises:
            LoginRefused: a method that cannot be carried.
            MalformedMessage: out of place.
        """
        if self._is_complete or self._client_answers:
            raise _out_of_place()
        if self._own is not None:
            return self._log_in(self._own, code, payload)
        match code:
            case Request.OK:
                # A trusting server says so at once; one that began SCRAM ends it first, but the client checks that.
                self._is_complete = True
                return TellClient(Request.OK)
            case Request.CLEARTEXT_PASSWORD | Request.MD5_PASSWORD if self._carried is None:
                return self._ask(Request(code), payload)
            case Request.SASL if self._carried is None:
                return self._offer(payload)
            case Request.SASL_CONTINUE if self._carried in (Request.SASL, Request.SASL_CONTINUE):
                return self._ask(Request.SASL_CONTINUE, payload)
            case Request.SASL_FINAL if self._carried is Request.SASL_CONTINUE:
                self._carried = Request.SASL_FINAL
                return TellClient(Request.SASL_FINAL, payload)
            case (
                Request.CLEARTEXT_PASSWORD
                | Request.MD5_PASSWORD
                | Request.SASL
                | Request.SASL_CONTINUE
                | Request.SASL_FINAL
            ):
                raise _out_of_place()
            case _:
                raise unsupported_method(code)

    def from_client(self, body: bytes) -> AnswerUpstream:
        """What follows from the client's message of tag "p".

        Raises:
            LoginFailed: an empty password.
            MalformedMessage: not asked for, or no password message.
        """
        if not self._client_answers:
            raise MalformedMessage("password message out of order")
        self._client_answers = False
        if self._withheld is None:
            return AnswerUpstream(body)
        password, end, rest = body.partition(b"\0")
        if not end or rest:
            raise MalformedMessage("malformed password message")
        if not password:
            raise wrong_password(self._user)
        self._own = UpstreamLogin(
            self._user, password, channel_binding=self._channel_binding, keys=self._keys, nonce=self._nonce
        )
        step = self._log_in(self._own, Request.SASL, self._withheld)
        if not isinstance(step, AnswerUpstream):
            raise _out_of_place()
        return step

    def _ask(self, code: Request, payload: bytes) -> TellClient:
        self._carried = code
        self._client_answers = True
        return TellClient(code, payload)

    def _offer(self, payload: bytes) -> TellClient:
        offered = read_mechanisms(payload)
        if can_relay_scram(client_tls=self._client_tls, upstream_tls=self._upstream_tls, offered=offered):
            return self._ask(Request.SASL, write_mechanisms((SCRAM_SHA_256,)))
        if self._client_tls and not {SCRAM_SHA_256, SCRAM_SHA_256_PLUS}.isdisjoint(offered):
            self._withheld = payload
            return self._ask(Request.CLEARTEXT_PASSWORD, b"")
        raise LoginRefused("the upstream server offers no SASL mechanism that this proxy can relay")

    def _log_in(self, own: UpstreamLogin, code: int, payload: bytes) -> TellClient | AnswerUpstream | Wait:
        answer = own.respond(code, payload)
        if own.is_complete:
            self._is_complete = True
            return TellClient(Request.OK)
        return Wait() if answer is None else AnswerUpstream(answer)


def _out_of_place() -> MalformedMessage:
    return MalformedMessage("authentication request out of order from the upstream server")
