"""What a login takes from X.509 certificates: channel binding data, and the name that a client's vouches for.

Whether a certificate is trusted is TLS's business and was decided before (`net`).

Source: RFC 5929 section 4.1; PostgreSQL manual, "Certificate Authentication".
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from pgproxy.login.scram import wrong_password


def certificate_hash(der: bytes) -> bytes | None:
    """The tls-server-end-point data of a server's certificate.

    None where it is not defined: the signature algorithm has no hash function of its own (Ed25519, Ed448) or one that
    is not known here. There is no channel binding then, and SCRAM-SHA-256-PLUS is neither offered nor chosen.
    """
    try:
        algorithm = x509.load_der_x509_certificate(der).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(der)
    return digest.finalize()


def common_name(der: bytes) -> str | None:
    """The subject's common name; None if it has none, several, or one that is no plain text."""
    try:
        names = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return None
    if len(names) != 1:
        return None
    value = names[0].value
    return value if isinstance(value, str) and value and "\0" not in value else None


def check_client_certificate(der: bytes | None, user: str) -> None:
    """`tls.mode: verify-client`: the certificate's common name is the startup user, to the letter.

    Called before the password is asked, so it tells the client nothing about the user: only about its own certificate.

    Raises:
        LoginFailed: as a wrong password would be.
    """
    if der is None or common_name(der) != user:
        raise wrong_password(user)
