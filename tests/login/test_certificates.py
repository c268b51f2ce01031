from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from pgproxy.errors import LoginFailed
from pgproxy.login.certificates import certificate_hash, check_client_certificate, common_name

EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PSS = padding.PSS(padding.MGF1(hashes.SHA384()), 48)


def certificate(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey = EC,
    algorithm: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None = hashes.SHA256(),  # noqa: B008
    rsa_padding: padding.PSS | None = None,
    names: tuple[str, ...] = ("alice",),
) -> bytes:
    """DER, signed by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
    )
    return builder.sign(key, algorithm, rsa_padding=rsa_padding).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("der", "expected"),
    [
        (certificate(EC, hashes.SHA256()), "sha256"),
        (certificate(EC, hashes.SHA384()), "sha384"),
        (certificate(RSA, hashes.SHA512()), "sha512"),
        (certificate(RSA, hashes.SHA384(), PSS), "sha384"),
        (certificate(ed25519.Ed25519PrivateKey.generate(), None), None),
        (certificate(ed448.Ed448PrivateKey.generate(), None), None),
    ],
    ids=["ecdsa-sha256", "ecdsa-sha384", "rsa-sha512", "rsa-pss-sha384", "ed25519", "ed448"],
)
def test_channel_binding_is_hashed_as_the_certificate_was_signed(der: bytes, expected: str | None) -> None:
    assert certificate_hash(der) == (hashlib.new(expected, der).digest() if expected else None)


@pytest.mark.parametrize("oid", ["2a864886f70d010104", "2a864886f70d010105"], ids=["md5", "sha1"])
def test_weak_signature_hashes_become_sha256(oid: str) -> None:
    """The builder signs with neither; the algorithm's identifier is what counts, so it is put into a good one."""
    der = certificate(RSA, hashes.SHA256()).replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex(oid))
    assert certificate_hash(der) == hashlib.sha256(der).digest()


@pytest.mark.parametrize("der", [b"", b"no certificate", certificate()[:-1]])
def test_what_is_no_certificate_binds_and_names_nothing(der: bytes) -> None:
    assert certificate_hash(der) is None
    assert common_name(der) is None


@pytest.mark.parametrize(
    ("names", "user", "passes"),
    [
        (("alice",), "alice", True),
        (("Alice",), "alice", False),
        (("alice ",), "alice", False),
        (("bob",), "alice", False),
        ((), "", False),
        (("bob", "alice"), "alice", False),
        (("alice", "bob"), "alice", False),
        (("ålice",), "ålice", True),
    ],
)
def test_common_name_is_the_user(names: tuple[str, ...], user: str, passes: bool) -> None:
    if passes:
        check_client_certificate(certificate(names=names), user)
    else:
        with pytest.raises(LoginFailed, match=f'^password authentication failed for user "{user}"$'):
            check_client_certificate(certificate(names=names), user)


def test_missing_certificate_is_a_failed_login() -> None:
    with pytest.raises(LoginFailed):
        check_client_certificate(None, "alice")


def test_name_with_a_zero_byte_is_no_name() -> None:
    assert common_name(certificate(names=("alice#bob",)).replace(b"alice#bob", b"alice\0bob")) is None
