"""A session's second connection upstream, as the clean login of role_split: opened when first used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pgproxy.config.settings import Credentials
from pgproxy.errors import CleanLoginAway, ProxyError
from pgproxy.login.verifiers import KeyCache
from pgproxy.net.clean_proof import Proof
from pgproxy.net.link import ConnectionGone, Link
from pgproxy.net.upstream import UpstreamConnector
from pgproxy.net.upstream_login import UpstreamRefused, UpstreamSession, log_in
from pgproxy.session.session import CleanBytes, CleanEvent, CleanGone, CleanReady, CleanRefused
from pgproxy.wire import startup

CancelKey = tuple[int, bytes]
"""Process id and secret of a server process."""


class CleanUpstream:
    """Of one session.

    Args:
        parameters: of the StartupMessage, without the user.
        prove: whether the login is clean under the rules of now; None: it is not.
    """

    def __init__(
        self,
        connector: UpstreamConnector,
        role: Credentials,
        keys: KeyCache,
        parameters: Mapping[str, str],
        prove: Callable[[], Awaitable[Proof | None]],
    ) -> None:
        self._connector, self._role, self._keys = connector, role, keys
        self._parameters = parameters
        self._prove = prove
        self._session: UpstreamSession | None = None
        self._is_client_slow = False

    @property
    def cancel_key(self) -> CancelKey | None:
        return None if self._session is None else (self._session.process_id, self._session.secret)

    async def open(self, on_event: Callable[[CleanEvent], None], on_pressure: Callable[[bool], None]) -> CleanEvent:
        """Prove the login, and connect where there is no connection: `CleanReady` or `CleanRefused`.

        Args:
            on_event: gets what comes on the connection from now on.
        """
        try:
            proof = await self._prove()
            if proof is None:
                return CleanRefused(None)
            if self._session is None or self._session.link.is_lost:
                await self._connect(on_event, on_pressure)
        except ProxyError as error:
            return CleanRefused(CleanLoginAway(error.message, detail=error.detail))
        except (UpstreamRefused, ConnectionGone, OSError, TimeoutError):
            return CleanRefused(CleanLoginAway("the upstream server refused the proxy's clean login"))
        return CleanReady(proof.may_write)

    async def _connect(self, on_event: Callable[[CleanEvent], None], on_pressure: Callable[[bool], None]) -> None:
        link = await self._connector.connect()
        try:
            link.write(startup.StartupMessage(3, 0, {**self._parameters, "user": self._role.user}).encode())
            timeout = self._connector.upstream.connect_timeout_seconds
            session = await log_in(link, self._role, self._keys, timeout_seconds=timeout)
        except BaseException:
            link.abort()
            raise
        self._session = session

        def is_current() -> bool:
            return self._session is session

        def lost() -> None:
            if is_current():
                self._session = None
                on_event(CleanGone())

        link.hand_over(lambda data: on_event(CleanBytes(data)) if is_current() else None, lost, on_pressure)
        self.waits_for_client(self._is_client_slow)

    def write(self, data: bytes) -> None:
        if self._session is not None:
            self._session.link.write(data)

    def waits_for_client(self, is_slow: bool) -> None:
        self._is_client_slow = is_slow
        if self._session is not None:
            link = self._session.link
            (link.pause if is_slow else link.resume)("client is slow")

    def close(self) -> None:
        """Send what was written, then close."""
        self._end(Link.close)

    def abort(self) -> None:
        self._end(Link.abort)

    def _end(self, how: Callable[[Link], None]) -> None:
        session, self._session = self._session, None
        if session is not None:
            how(session.link)
