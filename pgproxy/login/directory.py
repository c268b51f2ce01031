"""The startup user → how this client proves who it is, and as whom the proxy logs in for it.

Made once from the configuration; all PBKDF2 for clients happens here. A user who is not in it, and has no "*" to fall
back on, gets an entry that behaves like any other and fails at the end.

Source: PostgreSQL `mock_scram_secret`, `src/backend/libpq/auth-scram.c`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pgproxy.config.settings import Credentials, IdentitySettings
from pgproxy.errors import LoginRefused
from pgproxy.login.identity import Identity
from pgproxy.login.scram import ScramExchange, new_nonce, wrong_password
from pgproxy.login.verifiers import SALT_BYTES, Challenge, Verifier, read_credential

ANYONE = "*"
_LONGEST_ROLE_NAME_BYTES = 63
"""NAMEDATALEN - 1. Servers before 17 cut a longer startup user and would log in another role than we think."""


@dataclass(frozen=True, slots=True)
class Scram:
    """The proxy authenticates the client, and logs in upstream with `upstream`."""

    identity: Identity
    challenge: Challenge
    """The salt and count that further credentials (issued tokens) of this identity must be derived with."""
    verifiers: tuple[Verifier, ...]
    upstream: Credentials

    def exchange(self, *, channel_binding: bytes | None, nonce: Callable[[], str] = new_nonce) -> ScramExchange:
        return ScramExchange(
            self.verifiers,
            user=self.identity.name,
            challenge=self.challenge,
            channel_binding=channel_binding,
            nonce=nonce,
        )

    def with_credentials(self, verifiers: tuple[Verifier, ...]) -> Scram:
        """This entry, accepting more. Those of another challenge cannot be tried in one exchange and are left out."""
        fitting = tuple(verifier for verifier in verifiers if verifier.challenge == self.challenge)
        return replace(self, verifiers=self.verifiers + fitting)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody: the exchange is as for a user with a password, and fails at the end."""

    user: str
    challenge: Challenge

    def exchange(self, *, channel_binding: bytes | None, nonce: Callable[[], str] = new_nonce) -> ScramExchange:
        return ScramExchange((), user=self.user, challenge=self.challenge, channel_binding=channel_binding, nonce=nonce)


@dataclass(frozen=True, slots=True)
class Relayed:
    """The upstream authenticates the client as the role `identity.name` (`login.relay`)."""

    identity: Identity


Entry = Scram | Relayed | Unknown


class Directory:
    """All identities of a configuration.

    Args:
        upstream: the credentials of `upstream.dsn`, for identities without their own.
        server_secret: makes the salts; the same for all proxies of a group and over restarts (see `login_secret`).

    Raises:
        ValueError: the password of an identity is no credential; names the identity, not the password.
    """

    def __init__(
        self, identities: Mapping[str, IdentitySettings], *, upstream: Credentials, server_secret: bytes
    ) -> None:
        self._secret = server_secret
        self._identities = {name: settings for name, settings in identities.items() if name != ANYONE}
        self._anyone = identities.get(ANYONE)
        self._scram = {
            name: self._load(settings, upstream)
            for name, settings in self._identities.items()
            if settings.auth == "scram"
        }
        # Stored verifiers bring counts and salt lengths of their own. A user who does not exist shows one of those
        # that do, so that an odd one does not stand out as real.
        self._shapes = sorted(
            {(len(entry.challenge.salt), entry.challenge.iterations) for entry in self._scram.values()}
        )

    def entry(self, user: str) -> Entry:
        """How to authenticate a startup user.

        Raises:
            LoginRefused: no user name, or an authentication method that is not available.
            LoginFailed: a name that no role can have.
        """
        if not user:
            raise LoginRefused("no PostgreSQL user name specified in startup packet")
        # Made for everyone, so that it takes the same time for those who exist.
        unknown = Unknown(user, self._mock_challenge(user))
        settings = self._identities.get(user)
        if settings is not None and settings.auth == "scram":
            return self._scram[user]
        method = (settings or self._anyone or _NOBODY).auth
        if method == "jwt":
            raise LoginRefused("authentication by jwt is not available")
        if method == "upstream":
            return Relayed(_relayed_identity(user, settings))
        # A password for "*" would let whoever knows it be any role that a rule names.
        return unknown

    def _load(self, settings: IdentitySettings, upstream: Credentials) -> Scram:
        challenge = Challenge(self._salt(settings.name, SALT_BYTES))
        verifiers: tuple[Verifier, ...] = ()
        if settings.password:
            try:
                verifiers = (read_credential(settings.password, challenge),)
            except ValueError as error:
                raise ValueError(f"identity {settings.name}: {error}") from None
            challenge = verifiers[0].challenge
        identity = Identity(settings.name, settings.groups, settings.owner)
        return Scram(identity, challenge, verifiers, settings.upstream or upstream)

    def _mock_challenge(self, user: str) -> Challenge:
        if not self._shapes:
            return Challenge(self._salt(user, SALT_BYTES))
        choice = int.from_bytes(self._derive("shape", user)[:8], "big") % len(self._shapes)
        length, iterations = self._shapes[choice]
        return Challenge(self._salt(user, length), iterations)

    def _salt(self, user: str, length: int) -> bytes:
        """Stable, and the same whether the user exists or not: it does not change when one is added or removed."""
        salt = self._derive("salt", user)
        while len(salt) < length:
            salt += hmac.digest(self._secret, salt, "sha256")
        return salt[:length]

    def _derive(self, purpose: str, user: str) -> bytes:
        return hmac.digest(self._secret, purpose.encode() + b"\0" + user.encode("utf-8", "surrogateescape"), "sha256")


def login_secret(masking_key: bytes) -> bytes:
    """The `server_secret` of a proxy: known to all that share the masking key, and telling nothing about it."""
    return hmac.digest(masking_key, b"pgproxy login 1", "sha256")


_NOBODY = IdentitySettings("", auth="scram")


def _relayed_identity(user: str, settings: IdentitySettings | None) -> Identity:
    if len(user.encode("utf-8", "surrogateescape")) > _LONGEST_ROLE_NAME_BYTES:
        raise wrong_password(user)
    if settings is None:
        return Identity(user, source="role")
    return Identity(user, settings.groups, settings.owner)
