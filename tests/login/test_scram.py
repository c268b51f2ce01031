from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
import scramp  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from pgproxy.errors import LoginFailed, LoginRefused, MalformedMessage, ProxyError
from pgproxy.login.scram import MAX_UPSTREAM_ITERATIONS, ScramClient, ScramExchange
from pgproxy.login.verifiers import Challenge, KeyCache, Verifier

SALT = bytes(range(16))
CHALLENGE = Challenge(SALT, 4096)
BINDING = hashlib.sha256(b"a certificate").digest()
PENCIL = Verifier.from_password("pencil", SALT)
PLAIN, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
KEYS = KeyCache()


def fixed(nonce: str) -> Callable[[], str]:
    return lambda: nonce


def server(*verifiers: Verifier, binding: bytes | None = None) -> ScramExchange:
    return ScramExchange(
        verifiers, user="alice", challenge=CHALLENGE, channel_binding=binding, nonce=fixed("server+nonce")
    )


def client(
    password: str = "pencil",
    *,
    offered: tuple[str, ...] = (PLAIN,),
    binding: bytes | None = None,
    require: bool = False,
) -> ScramClient:
    return ScramClient(
        "alice",
        password,
        offered=offered,
        channel_binding=binding,
        keys=KEYS,
        require_channel_binding=require,
        nonce=fixed("client+nonce"),
    )


def log_in(ours: ScramExchange, theirs: ScramClient) -> None:
    theirs.verify(ours.final(theirs.final(ours.initial(theirs.mechanism, theirs.first()))))


def test_rfc_7677_exchange() -> None:
    verifier = Verifier.from_password("pencil", b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81", 4096)
    exchange = ScramExchange(
        [verifier], user="user", channel_binding=None, nonce=fixed("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    )
    nonce = b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    assert exchange.initial(PLAIN, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == (
        b"r=" + nonce + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert exchange.final(b"c=biws,r=" + nonce + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") == (
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )
    assert exchange.proven_by is verifier


@pytest.mark.parametrize(
    ("server_binding", "client_binding", "mechanism", "flag"),
    [
        (None, None, PLAIN, b"n"),
        (None, BINDING, PLAIN, b"y"),
        (BINDING, BINDING, PLUS, b"p"),
        (BINDING, None, PLAIN, b"n"),
    ],
)
def test_server_and_client_agree(
    server_binding: bytes | None, client_binding: bytes | None, mechanism: str, flag: bytes
) -> None:
    ours = server(PENCIL, binding=server_binding)
    theirs = client(offered=ours.mechanisms, binding=client_binding)
    log_in(ours, theirs)
    assert (theirs.mechanism, theirs.first()[:1]) == (mechanism, flag)
    assert ours.proven_by is PENCIL
    assert theirs.is_verified


@pytest.mark.parametrize("binding", [None, BINDING])
def test_independent_client_logs_in(binding: bytes | None) -> None:
    ours = server(PENCIL, binding=binding)
    theirs = scramp.ScramClient(
        list(ours.mechanisms), "somebody", "pencil", channel_binding=binding and ("tls-server-end-point", binding)
    )
    answer = ours.initial(theirs.mechanism_name, theirs.get_client_first().encode())
    theirs.set_server_first(answer.decode())
    theirs.set_server_final(ours.final(theirs.get_client_final().encode()).decode())
    assert ours.proven_by is PENCIL


def test_every_credential_of_an_identity_logs_in_and_is_named() -> None:
    credentials = [Verifier.from_password(f"token {n}", SALT) for n in range(10)]
    for n, credential in enumerate(credentials):
        ours = server(*credentials)
        log_in(ours, client(f"token {n}"))
        assert ours.proven_by is credential


def test_wrong_password_fails() -> None:
    ours, theirs = server(PENCIL), client("crayon")
    with pytest.raises(LoginFailed, match=r'^password authentication failed for user "alice"$'):
        log_in(ours, theirs)
    assert ours.proven_by is None


def test_no_credential_runs_to_the_end_and_fails() -> None:
    ours = server()
    theirs = client()
    proof = theirs.final(ours.initial(PLAIN, theirs.first()))
    with pytest.raises(LoginFailed):
        ours.final(proof)


def test_credentials_of_different_salts_are_refused() -> None:
    with pytest.raises(ValueError, match="one salt"):
        server(PENCIL, Verifier.from_password("pencil", b"another salt"))


def test_failed_exchange_takes_no_second_proof() -> None:
    ours, theirs = server(PENCIL), client("crayon")
    first = ours.initial(PLAIN, theirs.first())
    with pytest.raises(LoginFailed):
        ours.final(theirs.final(first))
    with pytest.raises(MalformedMessage):
        ours.final(client().final(first))
    assert ours.proven_by is None


def test_client_may_send_its_first_message_after_an_empty_answer() -> None:
    ours, theirs = server(PENCIL), client()
    assert ours.initial(PLAIN, None) == b""
    log_in(ours, theirs)


def test_client_that_believes_we_have_no_binding_is_refused_when_we_offered_it() -> None:
    theirs = client(offered=(PLAIN,), binding=BINDING)
    with pytest.raises(LoginRefused, match="negotiation"):
        server(PENCIL, binding=BINDING).initial(theirs.mechanism, theirs.first())


def test_client_bound_to_another_channel_is_refused() -> None:
    ours = server(PENCIL, binding=BINDING)
    theirs = client(offered=ours.mechanisms, binding=bytes(32))
    answer = ours.initial(theirs.mechanism, theirs.first())
    with pytest.raises(LoginRefused, match="channel binding check"):
        ours.final(theirs.final(answer))


@pytest.mark.parametrize(
    ("mechanism", "data"),
    [
        ("SCRAM-SHA-1", b"n,,n=,r=abc"),
        (PLUS, b"n,,n=,r=abc"),
        (PLUS, b"y,,n=,r=abc"),
        (PLUS, b"p=tls-unique,,n=,r=abc"),
        (PLAIN, b"p=tls-server-end-point,,n=,r=abc"),
        (PLAIN, b""),
        (PLAIN, b"n,,n=,r="),
        (PLAIN, b"n,a=bob,n=,r=abc"),
        (PLAIN, b"n,,m=x,n=,r=abc"),
        (PLAIN, b"n,,r=abc,n="),
        (PLAIN, b"n,,n=,r=a\x7fc"),
        (PLAIN, b"n,,n=,r=abc\0"),
        (PLAIN, b"n,,n=,r=abc\n"),
        (PLAIN, b"n,,n=,r=abc,"),
        (PLAIN, b"N,,n=,r=abc"),
    ],
)
def test_malformed_first_message(mechanism: str, data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        server(PENCIL, binding=BINDING).initial(mechanism, data)


def test_plus_without_tls_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        server(PENCIL).initial(PLUS, b"p=tls-server-end-point,,n=,r=abc")


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (b"c=biws", b"c=eSws"),
        (b"r=client+nonce", b"r=Client+nonce"),
        (b"server+nonce", b"server+nonceX"),
        (b",p=", b",p=AAAA"),
        (b",p=", b",q="),
        (b"c=biws,", b""),
        (b"=", b"=="),
    ],
)
def test_malformed_final_message(find: bytes, put: bytes) -> None:
    ours, theirs = server(PENCIL), client()
    proof = theirs.final(ours.initial(PLAIN, theirs.first()))
    with pytest.raises(MalformedMessage):
        ours.final(proof.replace(find, put))


def test_extensions_are_signed_and_ignored() -> None:
    ours, theirs = server(PENCIL), client()
    proof = theirs.final(ours.initial(PLAIN, theirs.first()))
    with pytest.raises(LoginFailed):
        ours.final(proof.replace(b",p=", b",x=1,p="))


@pytest.mark.parametrize("binding", [None, BINDING])
@pytest.mark.parametrize("turn", range(4))
def test_every_flipped_bit_fails(turn: int, binding: bytes | None) -> None:
    def exchange(flip: int | None) -> int:
        """Run to the end with one bit of message `turn` flipped on its way; the length of that message in bits."""
        ours = server(PENCIL, binding=binding)
        theirs = client(offered=ours.mechanisms, binding=binding)
        bits = 0

        def carried(number: int, message: bytes) -> bytes:
            nonlocal bits
            if number != turn:
                return message
            bits = len(message) * 8
            if flip is None:
                return message
            changed = bytearray(message)
            changed[flip // 8] ^= 1 << flip % 8
            return bytes(changed)

        first = ours.initial(theirs.mechanism, carried(0, theirs.first()))
        last = theirs.final(carried(1, first))
        theirs.verify(carried(3, ours.final(carried(2, last))))
        return bits

    for flip in range(exchange(None)):
        # A changed salt or count would cost PBKDF2 once each, and up to 10 million rounds: it is tested below.
        if turn == 1 and flip // 8 >= len(b"r=client+nonceserver+nonce,s="):
            break
        with pytest.raises(ProxyError):
            exchange(flip)


@pytest.mark.parametrize("changed", [b"i=4097", b"i=409"])
def test_changed_challenge_fails(changed: bytes) -> None:
    ours, theirs = server(PENCIL), client()
    answer = ours.initial(PLAIN, theirs.first()).replace(b"i=4096", changed)
    with pytest.raises(LoginFailed):
        ours.final(theirs.final(answer))


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_noise_is_an_error_of_ours(noise: bytes) -> None:
    with pytest.raises(ProxyError):
        server(PENCIL).initial(PLAIN, noise)
    ours = server(PENCIL)
    ours.initial(PLAIN, client().first())
    with pytest.raises(ProxyError):
        ours.final(noise)
    theirs = client()
    with pytest.raises(ProxyError):
        theirs.final(noise)
    theirs.final(server(PENCIL).initial(PLAIN, theirs.first()))
    with pytest.raises(ProxyError):
        theirs.verify(noise)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"r=client+nonce,s=AAAA,i=4096", MalformedMessage),  # nothing of the server's own
        (b"r=other+nonce,s=AAAA,i=4096", MalformedMessage),
        (b"r=client+nonceX,s=,i=4096", MalformedMessage),
        (b"r=client+nonceX,s=AAB=,i=4096", MalformedMessage),  # not the canonical spelling
        (b"r=client+nonceX,s=AAAA,i=0", MalformedMessage),
        (b"r=client+nonceX,s=AAAA,i=-1", MalformedMessage),
        (b"r=client+nonceX,s=AAAA", MalformedMessage),
        (b"r=client+nonceX,s=AAAA,i=%d" % (MAX_UPSTREAM_ITERATIONS + 1), LoginRefused),
    ],
)
def test_client_refuses_server_first(message: bytes, error: type[ProxyError]) -> None:
    with pytest.raises(error):
        client().final(message)


@pytest.mark.parametrize("message", [b"e=other-error", b"v=" + b"A" * 43 + b"=", b"v=AAAA"])
def test_client_refuses_a_server_that_does_not_know_the_password(message: bytes) -> None:
    theirs = client()
    theirs.final(server(PENCIL).initial(PLAIN, theirs.first()))
    with pytest.raises(LoginRefused):
        theirs.verify(message)
    assert not theirs.is_verified


def test_client_verifies_nothing_before_its_proof() -> None:
    with pytest.raises(MalformedMessage):
        client().verify(b"v=AAAA")


@pytest.mark.parametrize(
    ("offered", "binding", "require"),
    [
        ((), None, False),
        (("OAUTHBEARER",), BINDING, False),
        ((PLUS,), None, False),
        ((PLAIN,), BINDING, True),
        ((PLUS, PLAIN), None, True),
    ],
)
def test_client_refuses_the_offer(offered: tuple[str, ...], binding: bytes | None, require: bool) -> None:
    with pytest.raises(LoginRefused):
        client(offered=offered, binding=binding, require=require)
