"""TLS contexts for both legs, from the settings.

Source: PostgreSQL manual, "SSL Support" (libpq's sslmode table; direct TLS needs the ALPN name `postgresql`).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from pgproxy.config.settings import Tls, Upstream

ALPN = "postgresql"


def server_context(tls: Tls) -> ssl.SSLContext:
    """For clients. Raises OSError or ssl.SSLError where a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.cert, tls.key)
    context.set_alpn_protocols([ALPN])
    if tls.client_ca is not None:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if tls.mode == "verify-client" else ssl.CERT_OPTIONAL
    return context


def certificate_der(path: Path) -> bytes:
    """The first certificate of a PEM file: the one the server shows (channel binding hashes it)."""
    pem = path.read_text(encoding="ascii")
    begin = pem.index("-----BEGIN CERTIFICATE-----")
    end = pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(pem[begin:end])


def upstream_context(upstream: Upstream) -> ssl.SSLContext:
    """For the server behind us, as libpq reads sslmode: only verify-ca and verify-full check the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    context.check_hostname = upstream.sslmode == "verify-full"
    verifies = upstream.sslmode in ("verify-ca", "verify-full")
    context.verify_mode = ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE
    if upstream.sslrootcert is not None:
        context.load_verify_locations(upstream.sslrootcert)
        if upstream.sslmode == "require":  # libpq: require with a root certificate behaves like verify-ca
            context.verify_mode = ssl.CERT_REQUIRED
    elif verifies:
        context.load_default_certs()
    if upstream.sslcert is not None:
        context.load_cert_chain(upstream.sslcert, upstream.sslkey or upstream.sslcert)
    return context
