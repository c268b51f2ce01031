"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both ends, as bytes in and bytes out.

`ScramExchange` is the server that a client of the proxy talks to, `ScramClient` the client that the proxy is to its
upstream. Neither knows how its bytes are framed on the wire, and neither derives keys while a client waits, but for the
first login of an upstream role.

SCRAM tells a client one salt before anything is proven. So all credentials of an identity share one `Challenge`, and a
proof is tried against each of their stored keys. A stored verifier dictates its salt: beside it, only passwords that
are known in plain (and so can be derived with that salt) can be accepted.

Source: RFC 5802, 5929, 7677; PostgreSQL `src/backend/libpq/auth-scram.c`, `src/interfaces/libpq/fe-auth-scram.c`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from enum import Enum, auto

from pgproxy.errors import LoginFailed, LoginRefused, MalformedMessage
from pgproxy.login.verifiers import KEY_BYTES, Challenge, KeyCache, Keys, Verifier, decode_base64, derive_keys

SCRAM_SHA_256 = "SCRAM-SHA-256"
SCRAM_SHA_256_PLUS = "SCRAM-SHA-256-PLUS"

MAX_UPSTREAM_ITERATIONS = 1_000_000
"""About a third of a second; PBKDF2 holds up every connection, so a server may not ask for any amount of it."""

_BOUND = b"p=tls-server-end-point"
_PRINTABLE = rb"[\x21-\x2b\x2d-\x7e]+"
_CLIENT_FIRST = re.compile(
    rb"(?P<flag>n|y|p=[A-Za-z0-9.-]+),,"
    rb"(?P<bare>n=[^,\0]*,r=(?P<nonce>" + _PRINTABLE + rb")(?:,[A-Za-z]=[^,\0]*)*)"
)
_CLIENT_FINAL = re.compile(
    rb"(?P<unproven>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>" + _PRINTABLE + rb")(?:,[A-Za-oq-z]=[^,\0]*)*)"
    rb",p=(?P<proof>[A-Za-z0-9+/=]+)"
)
_SERVER_FIRST = re.compile(
    rb"r=(?P<nonce>" + _PRINTABLE + rb"),s=(?P<salt>[A-Za-z0-9+/=]+),i=(?P<iterations>[1-9][0-9]{0,9})"
    rb"(?:,[A-Za-z]=[^,\0]*)*"
)
_SERVER_FINAL = re.compile(rb"v=(?P<signature>[A-Za-z0-9+/=]+)(?:,[A-Za-z]=[^,\0]*)*")

_TRIED_TOGETHER = 8
"""Proofs are tried against a multiple of so many stored keys: the time does not count an identity's credentials."""


def new_nonce() -> str:
    return base64.b64encode(secrets.token_bytes(18)).decode()


def wrong_password(user: str) -> LoginFailed:
    """The one answer to a wrong password, an unknown user and a certificate of somebody else."""
    return LoginFailed(f'password authentication failed for user "{user}"')


class _Phase(Enum):
    OFFERED = auto()
    CHALLENGED = auto()
    PROVEN = auto()
    OVER = auto()
    """Failed; nothing more is accepted."""


class ScramExchange:
    """The server's end of one login.

    Args:
        user: the startup user, for the error only; the name inside SCRAM messages is ignored, as PostgreSQL does.
        verifiers: of all credentials of the user, with one challenge.
        challenge: what to answer when there is no verifier; the exchange then runs to its end and fails.
        channel_binding: the tls-server-end-point data of our certificate; None without TLS, or where the
            certificate's signature algorithm defines none.
        nonce: gives a fresh printable text for each call.
    """

    def __init__(
        self,
        verifiers: Sequence[Verifier],
        *,
        user: str,
        channel_binding: bytes | None,
        challenge: Challenge | None = None,
        nonce: Callable[[], str] = new_nonce,
    ) -> None:
        challenges = {verifier.challenge for verifier in verifiers} | ({challenge} if challenge else set())
        if len(challenges) != 1:
            raise ValueError("the credentials of one user need one salt and one iteration count")
        (self._challenge,) = challenges
        self._verifiers = tuple(verifiers)
        self._user = user
        self._channel_binding = channel_binding
        self._new_nonce = nonce
        self._phase = _Phase.OFFERED
        self._mechanism = ""
        self._header = b""
        self._nonce = b""
        self._transcript = b""
        self._proven_by: Verifier | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """For AuthenticationSASL, the preferred first."""
        return (SCRAM_SHA_256,) if self._channel_binding is None else (SCRAM_SHA_256_PLUS, SCRAM_SHA_256)

    @property
    def proven_by(self) -> Verifier | None:
        """The credential that the client has proven to know; None until `final` returned."""
        return self._proven_by

    def initial(self, mechanism: str, data: bytes | None) -> bytes:
        """Answer SASLInitialResponse; the result goes out as AuthenticationSASLContinue.

        Without data (None) the answer is empty and the client's first message comes in a SASLResponse: give that to
        `initial` again, with the same mechanism.

        Raises:
            MalformedMessage: it is no client-first-message, or has no place here.
            LoginRefused: the client believes we have no channel binding though it was offered (somebody in between
                took it from the list).
        """
        self._expect(_Phase.OFFERED)
        if mechanism not in self.mechanisms or self._mechanism not in ("", mechanism):
            raise MalformedMessage("client selected an invalid SASL authentication mechanism")
        self._mechanism = mechanism
        if data is None:
            self._phase = _Phase.OFFERED
            return b""
        first = _match(_CLIENT_FIRST, data)
        self._check_flag(first["flag"])
        self._header = first["flag"] + b",,"
        self._nonce = first["nonce"] + self._new_nonce().encode("ascii")
        salt = base64.b64encode(self._challenge.salt)
        answer = b"r=%b,s=%b,i=%d" % (self._nonce, salt, self._challenge.iterations)
        self._transcript = first["bare"] + b"," + answer
        self._phase = _Phase.CHALLENGED
        return answer

    def final(self, data: bytes) -> bytes:
        """Answer the SASLResponse that holds the proof; the result goes out as AuthenticationSASLFinal.

        Returning is the proof: no other way leads to `proven_by`.

        Raises:
            LoginFailed: no credential of the user gives this proof.
            LoginRefused: the client is bound to another TLS channel than ours.
            MalformedMessage: it is no client-final-message of this exchange.
        """
        self._expect(_Phase.CHALLENGED)
        last = _match(_CLIENT_FINAL, data)
        self._check_binding(last["binding"])
        if not hmac.compare_digest(last["nonce"], self._nonce):
            raise MalformedMessage("invalid SCRAM response", detail="Nonce does not match.")
        proof = decode_base64(last["proof"])
        if proof is None or len(proof) != KEY_BYTES:
            raise MalformedMessage("malformed SCRAM message")
        signed = self._transcript + b"," + last["unproven"]
        proven_by = self._try_all(proof, signed)
        if proven_by is None:
            raise wrong_password(self._user)
        self._proven_by = proven_by
        self._phase = _Phase.PROVEN
        return b"v=" + base64.b64encode(hmac.digest(proven_by.server_key, signed, "sha256"))

    def _expect(self, phase: _Phase) -> None:
        """Whatever happens next, a message is answered once: an exchange that raised stays over."""
        if self._phase is not phase:
            raise MalformedMessage("SASL message out of order")
        self._phase = _Phase.OVER

    def _check_flag(self, flag: bytes) -> None:
        if flag.startswith(b"p="):
            if self._mechanism != SCRAM_SHA_256_PLUS:
                raise MalformedMessage("malformed SCRAM message")
            if flag != _BOUND:
                raise MalformedMessage("unsupported SCRAM channel-binding type")
        elif self._mechanism == SCRAM_SHA_256_PLUS:
            raise MalformedMessage("malformed SCRAM message")
        elif flag == b"y" and self._channel_binding is not None:
            raise LoginRefused(
                "SCRAM channel binding negotiation error",
                detail="The client supports SCRAM channel binding but thinks the server does not. "
                "However, this server does support channel binding.",
            )

    def _check_binding(self, binding: bytes) -> None:
        bound = self._channel_binding if self._mechanism == SCRAM_SHA_256_PLUS else None
        if hmac.compare_digest(binding, base64.b64encode(self._header + (bound or b""))):
            return
        if bound is not None:
            raise LoginRefused("SCRAM channel binding check failed")
        raise MalformedMessage("unexpected SCRAM channel-binding attribute in client-final-message")

    def _try_all(self, proof: bytes, signed: bytes) -> Verifier | None:
        """The verifier that fits. Every one is tried, and stand-ins beside them, so that time tells nothing."""
        found = None
        for verifier in self._verifiers:
            if _proves(proof, signed, verifier.stored_key):
                found = verifier
        for _ in range(-len(self._verifiers) % _TRIED_TOGETHER if self._verifiers else _TRIED_TOGETHER):
            _proves(proof, signed, bytes(KEY_BYTES))
        return found


class ScramClient:
    """The client's end of one login.

    Args:
        offered: the mechanisms of AuthenticationSASL.
        channel_binding: the tls-server-end-point data of the server's certificate; None without TLS, or where the
            certificate defines none.
        keys: remembers the derived keys of logins that worked.
        require_channel_binding: no login without it.

    Raises:
        LoginRefused: no mechanism of the offer can be used.
    """

    def __init__(
        self,
        user: str,
        password: str | bytes,
        *,
        offered: Sequence[str],
        channel_binding: bytes | None,
        keys: KeyCache,
        require_channel_binding: bool = False,
        nonce: Callable[[], str] = new_nonce,
    ) -> None:
        if SCRAM_SHA_256_PLUS in offered and channel_binding is not None:
            self.mechanism, self._header, self._bound = SCRAM_SHA_256_PLUS, _BOUND + b",,", channel_binding
        elif require_channel_binding:
            raise LoginRefused("the upstream server does not offer SCRAM with channel binding")
        elif SCRAM_SHA_256 in offered:
            # "y": we could, the server says it cannot. One that had offered PLUS learns of the tampering.
            flag = b"n" if channel_binding is None else b"y"
            self.mechanism, self._header, self._bound = SCRAM_SHA_256, flag + b",,", b""
        else:
            raise LoginRefused("the upstream server offers no SASL mechanism that this proxy supports")
        self._user = user
        self._password = password
        self._keys = keys
        self._nonce = nonce().encode("ascii")
        self._bare = b"n=,r=" + self._nonce
        self._signed = b""
        self._challenge: Challenge | None = None
        self._derived: Keys | None = None
        self._is_verified = False

    @property
    def is_verified(self) -> bool:
        """Whether the server has proven that it knows the password too."""
        return self._is_verified

    def first(self) -> bytes:
        """The data of SASLInitialResponse."""
        return self._header + self._bare

    def final(self, server_first: bytes) -> bytes:
        """The data of SASLResponse for AuthenticationSASLContinue. Derives the keys unless they are remembered."""
        if self._challenge is not None:
            raise MalformedMessage("SASL message out of order from the upstream server")
        first = _match(_SERVER_FIRST, server_first)
        salt = decode_base64(first["salt"])
        nonce = first["nonce"]
        if not salt or not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise MalformedMessage("malformed SCRAM message from the upstream server")
        iterations = int(first["iterations"])
        if iterations > MAX_UPSTREAM_ITERATIONS:
            raise LoginRefused(f"the upstream server asks for more than {MAX_UPSTREAM_ITERATIONS} SCRAM iterations")
        self._challenge = Challenge(salt, iterations)
        known = self._keys.find(self._user, self._password, self._challenge)
        self._derived = known or derive_keys(self._password, self._challenge)
        unproven = b"c=" + base64.b64encode(self._header + self._bound) + b",r=" + nonce
        self._signed = b",".join((self._bare, server_first, unproven))
        signature = hmac.digest(self._derived.stored, self._signed, "sha256")
        return unproven + b",p=" + base64.b64encode(_xor(self._derived.client, signature))

    def verify(self, server_final: bytes) -> None:
        """Check AuthenticationSASLFinal; the keys are remembered from here on.

        Raises:
            LoginRefused: whoever answers does not know the password.
        """
        if self._challenge is None or self._derived is None or self._is_verified:
            raise MalformedMessage("SASL message out of order from the upstream server")
        if server_final.startswith(b"e="):
            raise LoginRefused("the upstream server refused the SCRAM exchange")
        signature = decode_base64(_match(_SERVER_FINAL, server_final)["signature"])
        expected = hmac.digest(self._derived.server, self._signed, "sha256")
        if signature is None or not hmac.compare_digest(signature, expected):
            raise LoginRefused("the upstream server did not prove that it knows the password")
        self._is_verified = True
        self._keys.keep(self._user, self._password, self._challenge, self._derived)


def _match(pattern: re.Pattern[bytes], data: bytes) -> dict[str, bytes]:
    match = pattern.fullmatch(data)
    if match is None:
        raise MalformedMessage("malformed SCRAM message")
    return match.groupdict()


def _proves(proof: bytes, signed: bytes, stored_key: bytes) -> bool:
    client_key = _xor(proof, hmac.digest(stored_key, signed, "sha256"))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
