from __future__ import annotations

import hashlib

import pytest

from pgproxy.config.settings import Credentials, IdentitySettings
from pgproxy.errors import LoginFailed, LoginRefused
from pgproxy.login.directory import Directory, Relayed, Scram, Unknown, login_secret
from pgproxy.login.identity import Identity
from pgproxy.login.scram import ScramClient
from pgproxy.login.verifiers import KeyCache, Verifier

DSN = Credentials("app", "of the dsn")
OWN = Credentials("app_ro", "of its own")
STORED = Verifier.from_password("stored", b"a stored salt of twenty four", 5000)
FILE = {
    "agent": IdentitySettings("agent", password="pencil", groups=("agents",), owner="lead", upstream=OWN),
    "dba": IdentitySettings("dba", password=STORED.stored_form()),
    "tokens-only": IdentitySettings("tokens-only"),
    "empty": IdentitySettings("empty", password=""),
    "service": IdentitySettings("service", auth="jwt"),
    "role": IdentitySettings("role", auth="upstream", groups=("dba",)),
}
ANYONE = {"*": IdentitySettings("*", auth="upstream")}


def directory(**more: IdentitySettings) -> Directory:
    return Directory({**FILE, **more}, upstream=DSN, server_secret=login_secret(bytes(32)))


def log_in(entry: Scram | Unknown, password: str) -> Verifier | None:
    ours = entry.exchange(channel_binding=None)
    theirs = ScramClient("", password, offered=ours.mechanisms, channel_binding=None, keys=KeyCache())
    theirs.verify(ours.final(theirs.final(ours.initial(theirs.mechanism, theirs.first()))))
    return ours.proven_by


def scram(of: Directory, user: str) -> Scram:
    entry = of.entry(user)
    assert isinstance(entry, Scram)
    return entry


@pytest.mark.parametrize(
    ("user", "password", "identity", "upstream"),
    [
        ("agent", "pencil", Identity("agent", ("agents",), "lead", "file"), OWN),
        ("dba", "stored", Identity("dba", source="file"), DSN),
    ],
)
def test_named_identity_logs_in(user: str, password: str, identity: Identity, upstream: Credentials) -> None:
    entry = scram(directory(), user)
    assert (entry.identity, entry.upstream) == (identity, upstream)
    assert log_in(entry, password) is entry.verifiers[0]
    for wrong in ("", "crayon", "of the dsn"):
        with pytest.raises(LoginFailed):
            log_in(entry, wrong)


@pytest.mark.parametrize("user", ["tokens-only", "empty", "nobody", "Agent", "agent ", "*"])
@pytest.mark.parametrize("password", ["", "pencil"])
def test_without_a_password_nobody_logs_in(user: str, password: str) -> None:
    entry = directory().entry(user)
    assert isinstance(entry, Scram | Unknown)
    with pytest.raises(LoginFailed, match=r"^password authentication failed for user"):
        log_in(entry, password)


def test_tokens_join_with_the_challenge_of_the_identity() -> None:
    for user, password in [("agent", "pencil"), ("dba", "stored"), ("tokens-only", None)]:
        entry = scram(directory(), user)
        token = Verifier.from_password("token", entry.challenge.salt, entry.challenge.iterations)
        joined = entry.with_credentials((token, Verifier.from_password("other", b"another salt")))
        assert log_in(joined, "token") is token
        if password:
            assert log_in(joined, password) is entry.verifiers[0]
        with pytest.raises(LoginFailed):
            log_in(joined, "other")


def test_unknown_user_without_anyone_gets_a_stable_mock() -> None:
    nobody = directory().entry("nobody")
    assert isinstance(nobody, Unknown)
    assert directory().entry("nobody") == nobody
    assert directory().entry("somebody else").challenge.salt != nobody.challenge.salt  # type: ignore[union-attr]
    other = Directory(FILE, upstream=DSN, server_secret=login_secret(bytes([1]) * 32)).entry("nobody")
    assert isinstance(other, Unknown)
    assert other.challenge.salt != nobody.challenge.salt


def test_salt_of_a_user_stays_when_it_is_added() -> None:
    before = Directory({}, upstream=DSN, server_secret=b"s").entry("agent")
    after = Directory({"agent": FILE["agent"]}, upstream=DSN, server_secret=b"s").entry("agent")
    assert isinstance(before, Unknown)
    assert isinstance(after, Scram)
    assert before.challenge == after.challenge


def test_mocks_look_like_those_who_exist() -> None:
    shapes = {
        (len(s.challenge.salt), s.challenge.iterations) for s in (scram(directory(), u) for u in ("agent", "dba"))
    }
    mocks = [directory().entry(f"nobody {n}") for n in range(40)]
    assert {(len(m.challenge.salt), m.challenge.iterations) for m in mocks if isinstance(m, Unknown)} == shapes


@pytest.mark.parametrize("user", ["agent", "dba", "nobody"])
def test_no_login_derives_keys(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = directory()
    ours = of.entry(user)
    assert isinstance(ours, Scram | Unknown)
    theirs = ScramClient("", "crayon", offered=["SCRAM-SHA-256"], channel_binding=None, keys=KeyCache())
    exchange = ours.exchange(channel_binding=None)
    proof = theirs.final(exchange.initial(theirs.mechanism, theirs.first()))
    monkeypatch.delattr(hashlib, "pbkdf2_hmac")
    again = of.entry(user)
    assert isinstance(again, Scram | Unknown)
    again.exchange(channel_binding=None).initial(theirs.mechanism, theirs.first())
    with pytest.raises(LoginFailed):
        exchange.final(proof)


@pytest.mark.parametrize("user", ["agent", "dba", "tokens-only", "nobody"])
def test_every_user_costs_the_same_work(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pgproxy.login.scram as module

    tried = 0
    real = module._proves

    def counted(*arguments: bytes) -> bool:
        nonlocal tried
        tried += 1
        return real(*arguments)

    monkeypatch.setattr(module, "_proves", counted)
    entry = directory().entry(user)
    assert isinstance(entry, Scram | Unknown)
    with pytest.raises(LoginFailed):
        log_in(entry, "crayon")
    assert tried == 8


def test_anyone_is_relayed_as_a_role() -> None:
    of = directory(**ANYONE)
    assert of.entry("nobody") == Relayed(Identity("nobody", source="role"))
    assert of.entry("*") == Relayed(Identity("*", source="role"))
    assert isinstance(of.entry("agent"), Scram)


def test_named_identity_may_be_relayed_and_keeps_its_groups() -> None:
    assert directory().entry("role") == Relayed(Identity("role", ("dba",)))


def test_password_of_anyone_logs_nobody_in() -> None:
    of = directory(**{"*": IdentitySettings("*", password="pencil")})
    for user in ("nobody", "*"):
        assert isinstance(of.entry(user), Unknown)


def test_name_longer_than_a_role_is_not_relayed() -> None:
    of = directory(**ANYONE)
    assert isinstance(of.entry("x" * 63), Relayed)
    for name in ("x" * 64, "é" * 32):
        with pytest.raises(LoginFailed):
            of.entry(name)


@pytest.mark.parametrize("user", ["service", ""])
def test_impossible_login_is_refused(user: str) -> None:
    with pytest.raises(LoginRefused):
        directory().entry(user)


def test_jwt_for_anyone_is_refused() -> None:
    with pytest.raises(LoginRefused, match="jwt is not available"):
        directory(**{"*": IdentitySettings("*", auth="jwt")}).entry("nobody")


@pytest.mark.parametrize("password", ["SCRAM-SHA-256$4096:secret", "md5" + "ab" * 16])
def test_password_that_is_no_credential_names_the_identity_only(password: str) -> None:
    with pytest.raises(ValueError, match="identity agent: ") as caught:
        directory(agent=IdentitySettings("agent", password=password))
    assert password not in str(caught.value)
