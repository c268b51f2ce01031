"""The upstream is played as PostgreSQL does it: PLUS is offered, and "y" refused, exactly with TLS."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pgproxy.errors import LoginFailed, LoginRefused, MalformedMessage, ProxyError
from pgproxy.login.relay import AnswerUpstream, LoginRelay, TellClient, Wait
from pgproxy.login.scram import SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramExchange
from pgproxy.login.upstream import Request, UpstreamLogin, write_mechanisms
from pgproxy.login.verifiers import KeyCache, Verifier

VERIFIER = Verifier.from_password("pencil", b"salt of the role")
UPSTREAM_CERTIFICATE, PROXY_CERTIFICATE = bytes(32), bytes([1]) * 32
SCRAM, PLUS = write_mechanisms((SCRAM_SHA_256,)), write_mechanisms((SCRAM_SHA_256_PLUS, SCRAM_SHA_256))


def relay(*, client_tls: bool = False, upstream_tls: bool = False) -> LoginRelay:
    return LoginRelay(
        "alice",
        client_tls=client_tls,
        upstream_tls=upstream_tls,
        channel_binding=UPSTREAM_CERTIFICATE if upstream_tls else None,
        keys=KeyCache(),
    )


@dataclass
class Postgres:
    """The upstream's side of a SCRAM login."""

    exchange: ScramExchange
    sent: list[tuple[int, bytes]] = field(default_factory=list)

    def start(self) -> tuple[int, bytes]:
        return Request.SASL, write_mechanisms(self.exchange.mechanisms)

    def receive(self, body: bytes) -> tuple[int, bytes]:
        if self.exchange.proven_by is None and b"\0" in body:
            mechanism, _, rest = body.partition(b"\0")
            return Request.SASL_CONTINUE, self.exchange.initial(mechanism.decode(), rest[4:])
        return Request.SASL_FINAL, self.exchange.final(body)


def run(between: LoginRelay, postgres: Postgres, client: UpstreamLogin) -> list[int]:
    """Drive a login to its end; the codes that the client saw."""
    seen: list[int] = []
    message = postgres.start()
    while True:
        step = between.from_upstream(*message)
        if isinstance(step, TellClient):
            seen.append(step.code)
            answer = client.respond(step.code, step.payload)
            if step.code == Request.OK:
                return seen
            if answer is None:
                message = (Request.OK, b"")
                continue
            step = between.from_client(answer)
        if isinstance(step, Wait):
            message = (Request.OK, b"")
            continue
        message = postgres.receive(step.body)


@pytest.mark.parametrize(
    ("client_tls", "upstream_tls", "plus", "codes"),
    [
        (False, False, False, [10, 11, 12, 0]),
        (True, False, False, [10, 11, 12, 0]),
        (False, True, True, [10, 11, 12, 0]),
        (True, True, True, [3, 0]),
        (True, True, False, [10, 11, 12, 0]),
    ],
)
@pytest.mark.parametrize("client_binds", [True, False])
@pytest.mark.parametrize("password", ["pencil", "crayon"])
def test_scram_between_the_legs(
    client_tls: bool, upstream_tls: bool, plus: bool, codes: list[int], client_binds: bool, password: str
) -> None:
    postgres = Postgres(ScramExchange([VERIFIER], user="alice", channel_binding=UPSTREAM_CERTIFICATE if plus else None))
    client = UpstreamLogin(
        "alice",
        password,
        channel_binding=PROXY_CERTIFICATE if client_tls and client_binds else None,
        keys=KeyCache(),
    )
    between = relay(client_tls=client_tls, upstream_tls=upstream_tls)
    if password == "crayon":
        with pytest.raises(LoginFailed):
            run(between, postgres, client)
        assert not between.is_complete
    else:
        assert run(between, postgres, client) == codes
        assert between.is_complete
        assert postgres.exchange.proven_by is VERIFIER


def test_scram_offer_relayed_over_two_tls_legs_would_be_refused() -> None:
    """Why the password is asked for: the client says "y", and the server takes that for tampering."""
    postgres = ScramExchange([VERIFIER], user="alice", channel_binding=UPSTREAM_CERTIFICATE)
    client = UpstreamLogin("alice", "pencil", channel_binding=PROXY_CERTIFICATE, keys=KeyCache())
    initial = client.respond(Request.SASL, SCRAM)
    assert initial is not None
    with pytest.raises(LoginRefused, match="negotiation"):
        postgres.initial(SCRAM_SHA_256, initial.partition(b"\0")[2][4:])


@pytest.mark.parametrize("client_tls", [False, True])
@pytest.mark.parametrize("upstream_tls", [False, True])
@pytest.mark.parametrize(("code", "payload"), [(3, b""), (5, b"salt")])
def test_cleartext_and_md5_are_carried(code: Request, payload: bytes, client_tls: bool, upstream_tls: bool) -> None:
    between = relay(client_tls=client_tls, upstream_tls=upstream_tls)
    assert between.from_upstream(code, payload) == TellClient(code, payload)
    assert between.from_client(b"as it is\0") == AnswerUpstream(b"as it is\0")
    assert not between.is_complete
    assert between.from_upstream(0, b"") == TellClient(Request.OK)
    assert between.is_complete


def test_trusting_upstream_asks_for_nothing() -> None:
    between = relay()
    assert between.from_upstream(0, b"") == TellClient(Request.OK)
    assert between.is_complete


@pytest.mark.parametrize(
    ("code", "payload", "client_tls"),
    [
        (2, b"", True),
        (7, b"", True),
        (9, b"", True),
        (10, write_mechanisms(("OAUTHBEARER",)), True),
        (10, write_mechanisms((SCRAM_SHA_256_PLUS,)), False),
    ],
)
def test_what_cannot_be_carried_is_refused(code: int, payload: bytes, client_tls: bool) -> None:
    with pytest.raises(LoginRefused):
        relay(client_tls=client_tls, upstream_tls=True).from_upstream(code, payload)


def test_password_is_never_asked_for_outside_tls() -> None:
    step = relay(client_tls=False, upstream_tls=True).from_upstream(Request.SASL, PLUS)
    assert step == TellClient(Request.SASL, SCRAM)


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"", MalformedMessage), (b"pencil", MalformedMessage), (b"pen\0cil\0", MalformedMessage), (b"\0", LoginFailed)],
)
def test_password_for_the_proxy_is_checked_for_form(body: bytes, error: type[ProxyError]) -> None:
    between = relay(client_tls=True, upstream_tls=True)
    assert between.from_upstream(Request.SASL, PLUS) == TellClient(Request.CLEARTEXT_PASSWORD)
    with pytest.raises(error):
        between.from_client(body)


def test_client_speaks_only_when_asked() -> None:
    between = relay()
    with pytest.raises(MalformedMessage):
        between.from_client(b"early\0")
    between.from_upstream(Request.CLEARTEXT_PASSWORD, b"")
    between.from_client(b"pencil\0")
    with pytest.raises(MalformedMessage):
        between.from_client(b"another\0")


@pytest.mark.parametrize(
    "requests",
    [
        [(3, b""), (0, b"")],  # not yet answered
        [(11, b"")],
        [(12, b"")],
        [(0, b""), (3, b"")],
    ],
)
def test_upstream_out_of_turn(requests: list[tuple[int, bytes]]) -> None:
    between = relay()
    for code, payload in requests[:-1]:
        between.from_upstream(code, payload)
    with pytest.raises(MalformedMessage):
        between.from_upstream(*requests[-1])


def test_upstream_asks_once() -> None:
    between = relay()
    between.from_upstream(Request.CLEARTEXT_PASSWORD, b"")
    between.from_client(b"pencil\0")
    with pytest.raises(MalformedMessage):
        between.from_upstream(Request.CLEARTEXT_PASSWORD, b"")
