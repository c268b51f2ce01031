from __future__ import annotations

import pytest

from pgproxy.errors import LoginRefused, MalformedMessage, ProxyError
from pgproxy.login.scram import ScramExchange
from pgproxy.login.upstream import Request, UpstreamLogin, read_mechanisms, write_mechanisms
from pgproxy.login.verifiers import KeyCache, Verifier

VERIFIER = Verifier.from_password("pencil", b"salt of the role")
BINDING = bytes(32)
SCRAM = b"SCRAM-SHA-256\0\0"
PLUS = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"


def login(password: str | None = "pencil", *, binding: bytes | None = None, require: bool = False) -> UpstreamLogin:
    return UpstreamLogin(
        "app",
        password,
        channel_binding=binding,
        keys=KeyCache(),
        require_channel_binding=require,
        nonce=lambda: "client+nonce",
    )


def test_trust() -> None:
    upstream = login(None)
    assert upstream.respond(0, b"") is None
    assert upstream.is_complete


@pytest.mark.parametrize(
    ("code", "payload", "answer"),
    [
        (3, b"", b"pencil\0"),
        # select 'md5' || md5(md5('pencil' || 'app') || 'salt')
        (5, b"salt", b"md52afb5b311168c70c7e1783b3f1da0ac3\0"),
        (10, SCRAM, b"SCRAM-SHA-256\0\0\0\0\x14n,,n=,r=client+nonce"),
    ],
)
def test_first_answer(code: int, payload: bytes, answer: bytes) -> None:
    upstream = login()
    assert upstream.respond(code, payload) == answer
    assert not upstream.is_complete


@pytest.mark.parametrize("binding", [None, BINDING])
def test_scram_to_the_end(binding: bytes | None) -> None:
    server = ScramExchange([VERIFIER], user="app", channel_binding=binding)
    upstream = login(binding=binding)
    initial = upstream.respond(10, write_mechanisms(server.mechanisms))
    assert initial is not None
    mechanism, _, rest = initial.partition(b"\0")
    assert mechanism.decode() == server.mechanisms[0]
    assert int.from_bytes(rest[:4], "big") == len(rest[4:])
    proof = upstream.respond(11, server.initial(mechanism.decode(), rest[4:]))
    assert proof is not None
    assert upstream.respond(12, server.final(proof)) is None
    assert not upstream.is_complete
    assert upstream.respond(0, b"") is None
    assert upstream.is_complete


@pytest.mark.parametrize(
    ("code", "name"),
    [(2, "Kerberos V5"), (7, "GSSAPI"), (8, "GSSAPI"), (9, "SSPI"), (6, "method 6"), (99, "method 99")],
)
def test_unsupported_method_is_named(code: int, name: str) -> None:
    with pytest.raises(LoginRefused, match=name):
        login().respond(code, b"")


@pytest.mark.parametrize("password", [None, ""])
@pytest.mark.parametrize(("code", "payload"), [(3, b""), (5, b"salt"), (10, SCRAM)])
def test_missing_password_is_named(code: int, payload: bytes, password: str | None) -> None:
    with pytest.raises(LoginRefused, match='asks for a password of role "app" and none is configured'):
        login(password).respond(code, payload)


@pytest.mark.parametrize(("code", "payload"), [(0, b""), (3, b""), (5, b"salt"), (10, SCRAM), (10, PLUS)])
def test_required_channel_binding_refuses_all_else(code: int, payload: bytes) -> None:
    with pytest.raises(LoginRefused, match="channel binding"):
        login(require=True).respond(code, payload)


def test_server_that_skips_its_proof_is_refused() -> None:
    upstream = login()
    upstream.respond(10, SCRAM)
    with pytest.raises(LoginRefused, match="did not prove"):
        upstream.respond(0, b"")
    assert not upstream.is_complete


@pytest.mark.parametrize(
    "requests",
    [
        [(5, b"")],
        [(5, b"salty")],
        [(0, b"x")],
        [(0, b""), (0, b"")],
        [(11, b"r=")],
        [(12, b"v=")],
        [(3, b""), (3, b"")],
        [(5, b"salt"), (3, b"")],
        [(10, SCRAM), (3, b"")],
        [(10, SCRAM), (10, SCRAM)],
        [(10, SCRAM), (12, b"v=AAAA")],
        [(10, b"")],
        [(10, b"SCRAM-SHA-256\0")],
        [(10, b"\0\0")],
        [(10, b"SCRAM-SHA-256\0\0\0")],
        [(10, b"\xff\0\0")],
    ],
)
def test_request_out_of_place_or_form(requests: list[tuple[int, bytes]]) -> None:
    upstream = login()
    for code, payload in requests[:-1]:
        upstream.respond(code, payload)
    with pytest.raises(MalformedMessage):
        upstream.respond(*requests[-1])


def test_no_error_holds_the_password() -> None:
    upstream = login("s3cr3t")
    upstream.respond(Request.SASL, SCRAM)
    with pytest.raises(ProxyError) as caught:
        upstream.respond(Request.SASL_CONTINUE, b"nonsense")
    assert "s3cr3t" not in repr(caught.value) + caught.value.detail + caught.value.hint + repr(upstream)


def test_mechanisms_are_read_as_written() -> None:
    assert read_mechanisms(PLUS) == ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
    assert write_mechanisms(("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")) == PLUS
