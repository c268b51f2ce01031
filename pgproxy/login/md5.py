"""The answer to AuthenticationMD5Password. Only towards the upstream: clients of the proxy are never asked for md5.

Source: PostgreSQL manual, "Message Flow", Start-up; `src/common/md5_common.c`.
"""

from __future__ import annotations

import hashlib


def md5_response(user: str, password: str | bytes, salt: bytes) -> bytes:
    """The text of PasswordMessage, without its terminator: "md5" and 32 hex digits."""
    secret = password.encode() if isinstance(password, str) else password
    return b"md5" + _hex(_hex(secret + user.encode()) + salt)


def _hex(data: bytes) -> bytes:
    # The protocol's choice, not ours; md5 is gone from servers that are set up today.
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()
