"""What is kept of a password for SCRAM-SHA-256: derived keys, the stored verifier, and a cache of derivations.

PBKDF2 happens in `derive_keys` and nowhere else, so that it can be kept off the path of a connection: verifiers are
made when the configuration is loaded, the keys for upstream roles are remembered in a `KeyCache`.

The messages of an exchange are in `login.scram`.

Source: RFC 5802 section 3, RFC 7677; PostgreSQL `src/common/scram-common.c`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from pgproxy.login.saslprep import prepare

DEFAULT_ITERATIONS = 4096
"""As PostgreSQL's `scram_iterations`."""
SALT_BYTES = 16
KEY_BYTES = 32

_VERIFIER = re.compile(r"SCRAM-SHA-256\$([1-9][0-9]{0,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_PREFIX = "SCRAM-SHA-256$"
_MD5_HASH = re.compile(r"md5[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server tells a client before its proof: one salt and one count, whatever it keeps of the user."""

    salt: bytes
    iterations: int = DEFAULT_ITERATIONS


@dataclass(frozen=True, slots=True)
class Keys:
    """What follows from a password and a challenge. To a server of that salt `client` is as good as the password."""

    client: bytes = field(repr=False)
    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Enough to check a proof and to answer it, not enough to log in elsewhere."""

    challenge: Challenge
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def from_password(cls, password: str | bytes, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> Verifier:
        """Runs PBKDF2: for loading, never for a connection."""
        challenge = Challenge(salt, iterations)
        keys = derive_keys(password, challenge)
        return cls(challenge, keys.stored, keys.server)

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`, as pg_authid.rolpassword holds it.

        Raises:
            ValueError: it is not of that form; the text is not repeated.
        """
        match = _VERIFIER.fullmatch(text)
        if match is None:
            raise ValueError("not a SCRAM-SHA-256 verifier")
        salt, stored_key, server_key = (decode_base64(part.encode()) for part in match.groups()[1:])
        if not salt or stored_key is None or server_key is None:
            raise ValueError("not a SCRAM-SHA-256 verifier")
        if len(stored_key) != KEY_BYTES or len(server_key) != KEY_BYTES:
            raise ValueError("not a SCRAM-SHA-256 verifier")
        return cls(Challenge(salt, int(match[1])), stored_key, server_key)

    def stored_form(self) -> str:
        """The text that `parse` reads. It is a secret: for a store, not for a log."""
        salt, stored_key, server_key = (
            base64.b64encode(part).decode() for part in (self.challenge.salt, self.stored_key, self.server_key)
        )
        return f"{_PREFIX}{self.challenge.iterations}:{salt}${stored_key}:{server_key}"


class KeyCache:
    """Keys of passwords that worked, so that each costs PBKDF2 once. Bounded; the oldest used goes first.

    Passwords are not kept: an entry is found by a keyed digest whose key lives as long as the cache.
    """

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._digest_key = secrets.token_bytes(KEY_BYTES)
        self._entries: OrderedDict[tuple[str, bytes, Challenge], Keys] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, user: str, password: str | bytes, challenge: Challenge) -> Keys | None:
        key = self._key(user, password, challenge)
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, user: str, password: str | bytes, challenge: Challenge, keys: Keys) -> None:
        key = self._key(user, password, challenge)
        self._entries[key] = keys
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def _key(self, user: str, password: str | bytes, challenge: Challenge) -> tuple[str, bytes, Challenge]:
        return user, hmac.digest(self._digest_key, prepare(password), "sha256"), challenge


def derive_keys(password: str | bytes, challenge: Challenge) -> Keys:
    """The only PBKDF2 of the program."""
    salted = hashlib.pbkdf2_hmac("sha256", prepare(password), challenge.salt, challenge.iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    return Keys(client, hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256"))


def read_credential(password: str, challenge: Challenge) -> Verifier:
    """A configured password, plain or stored; `challenge` is for a plain one, a stored one brings its own.

    Raises:
        ValueError: it begins like a verifier but is none, or is an md5 hash of pg_authid. Taken as a plain password,
            such a text would let whoever reads the server's catalog log in with what they read.
    """
    if password.startswith(_PREFIX):
        return Verifier.parse(password)
    if _MD5_HASH.fullmatch(password):
        raise ValueError("an md5 hash cannot authenticate a client")
    return Verifier.from_password(password, challenge.salt, challenge.iterations)


def decode_base64(text: bytes) -> bytes | None:
    """Strict and canonical: one text for one value, else None."""
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return value if base64.b64encode(value) == text else None
