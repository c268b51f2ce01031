"""One POST to a receiver that may be dead, slow, or hostile. Nothing of its address is in what comes back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0
ANSWER_BYTES: Final = 64 * 1024
CONNECTIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Reply:
    status: int | None
    """None: nothing came."""
    content: bytes = b""
    """Of a 2xx that was read to its end in time and in size."""
    problem: str = ""
    """In words, without an address."""
    retry_after: float = 0.0
    """Seconds that the receiver asks for."""

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def open_session() -> aiohttp.ClientSession:
    """Connections of one receiver's own; no cookies, no proxies of the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS),
        auto_decompress=False,
        trust_env=False,
    )


async def post(session: aiohttp.ClientSession, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
    """Redirects are not followed: what is sent is for this receiver alone."""
    given = {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "pgproxy",
        **headers,
    }
    try:
        async with session.post(url, data=content, headers=given, allow_redirects=False) as response:
            status = response.status
            if 200 <= status < 300:
                return Reply(status, await _read(response))
            response.close()
            return Reply(status, problem=_status_words(status), retry_after=_retry_after(response))
    except TimeoutError:
        return Reply(None, problem=f"no answer within {ANSWER_SECONDS:.0f} s")
    except aiohttp.ClientSSLError:
        return Reply(None, problem="its certificate cannot be trusted, or TLS fails")
    except aiohttp.ClientConnectorError:
        return Reply(None, problem="cannot connect")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Reply(None, problem=f"no answer ({type(error).__name__})")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Nothing where it is too long, or does not end: that it was received is known."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > ANSWER_BYTES:
                    response.close()
                    return b""
    except (TimeoutError, aiohttp.ClientError, OSError):
        response.close()
        return b""
    return b"".join(parts)


def _status_words(status: int) -> str:
    return f"HTTP {status}, and redirects are not followed" if 300 <= status < 400 else f"HTTP {status}"


def _retry_after(response: aiohttp.ClientResponse) -> float:
    try:
        seconds = float(response.headers.get("Retry-After", "0"))
    except ValueError:  # a date
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
