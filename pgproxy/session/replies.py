"""The one place where an error of the proxy becomes a message to the client."""

from __future__ import annotations

from typing import Literal

from pgproxy.errors import ProxyError
from pgproxy.wire.asynchronous import ErrorResponse


def error_response(error: BaseException, severity: Literal["ERROR", "FATAL"] | None = None) -> ErrorResponse:
    """What the client is told; an exception that is not a `ProxyError` says XX000 and nothing of itself."""
    if isinstance(error, ProxyError):
        return ErrorResponse.of(
            severity or error.severity, error.sqlstate, error.message, detail=error.detail, hint=error.hint
        )
    return ErrorResponse.of(severity or "FATAL", "XX000", "internal error in the proxy")
