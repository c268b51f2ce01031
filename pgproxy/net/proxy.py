"""The running proxy: its listening socket, what all connections share, draining and reloading."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

from pgproxy.catalog.model import Catalog
from pgproxy.config.settings import Address, Credentials, Settings
from pgproxy.errors import ProxyError, UpstreamUnreachable
from pgproxy.login.cancel_keys import CancelKeys
from pgproxy.login.certificates import certificate_hash
from pgproxy.login.directory import Directory, login_secret
from pgproxy.login.identity import Identity
from pgproxy.login.verifiers import KeyCache
from pgproxy.masking.keys import MaskingKeys
from pgproxy.net.clean import CancelKey, CleanUpstream
from pgproxy.net.clean_proof import CleanProof
from pgproxy.net.connection import Connection
from pgproxy.net.desk import ApprovalDesk
from pgproxy.net.driver import Driver
from pgproxy.net.present import PresentCatalog
from pgproxy.net.reading import read_catalog
from pgproxy.net.stored import StoredState
from pgproxy.net.tls import certificate_der, server_context
from pgproxy.net.upstream import UpstreamConnector
from pgproxy.policy.rules import Rules
from pgproxy.session.analysed import AnalysedSession
from pgproxy.session.context import SessionContext
from pgproxy.session.memory import AnalysisMemory
from pgproxy.session.opening import Opening, clean_parameters
from pgproxy.session.session import Session
from pgproxy.session.transparent import TransparentSession

log = logging.getLogger("pgproxy")

BACKLOG = 512
LAST_ANSWER_SECONDS = 2.0
"""After `drain` has passed: for the server to answer a cancel, and for that to reach the client."""
REACHABLE_SECONDS = 3.0
"""/readyz has to know within 5 s."""


class CurrentRules:
    """The rules that hold now; `replace` is what a reload does."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def current(self) -> Rules:
        return self._rules

    def replace(self, rules: Rules) -> None:
        self._rules = rules


class Proxy:
    """Accepts clients until it is drained.

    Args:
        stored: what its sessions share and a store may keep.

    Raises (from the constructor):
        OSError, ssl.SSLError: a certificate that cannot be used.
    """

    def __init__(self, settings: Settings, rules: Rules, stored: StoredState | None = None) -> None:
        self.settings = settings
        self.stored = stored or StoredState()
        self.rules = CurrentRules(rules)
        self.keys = KeyCache()
        self.masking_keys = MaskingKeys(settings.masking_key)
        self.directory = Directory(
            settings.identities,
            upstream=settings.upstream.credentials,
            server_secret=login_secret(settings.masking_key),
        )
        self.connector = UpstreamConnector(settings.upstream)
        self.desk = ApprovalDesk(settings)
        self.cancel_keys: CancelKeys[Callable[[], CancelKey | None]] = CancelKeys()
        """With what says which server process runs for a session now; None: none, and the session saw to it."""
        self.senders: dict[int, Identity] = {}
        """Server process → identity, of the analysed sessions."""
        self.is_draining = False
        tls = settings.tls if settings.tls is not None and settings.tls.mode != "disable" else None
        self.server_context = None if tls is None else server_context(tls)
        self.server_certificate_hash = None if tls is None else certificate_hash(certificate_der(tls.cert))
        self.requires_client_certificate = tls is not None and tls.mode == "verify-client"
        self._catalogs: dict[str, Catalog] = {}
        self._memories: dict[str, AnalysisMemory] = {}
        self._presents: dict[str, PresentCatalog] = {}
        self._proofs: dict[str, CleanProof] = {}
        self._catalog_lock = asyncio.Lock()
        self._drivers: set[Driver] = set()
        self._all_gone = asyncio.Event()
        self._cancels: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._socket: socket.socket | None = None
        self._names = itertools.count(1)

    # Listening -------------------------------------------------------------------------------------------------

    def listen(self) -> Address:
        """Bind; the address with the real port. Raises OSError."""
        address = self.settings.listen
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address.host, address.port))
            listening.listen(BACKLOG)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self._socket = listening
        self.in_background(self._accept(listening))
        return Address(address.host, listening.getsockname()[1])

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as error:  # out of file descriptors: the others must go on
                log.error("accept failed: %s", error.strerror)
                await asyncio.sleep(0.1)
                continue
            accepted.setblocking(False)
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.in_background(Connection(self, accepted, f"#{next(self._names)}").serve())

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the rest; kept from being collected, and ended by `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a connection ended with an unexpected %s", type(task.exception()).__name__)

    # Sessions --------------------------------------------------------------------------------------------------

    async def new_session(
        self, opening: Opening, parameters: Mapping[str, str], process_id: int, *, has_clean: bool = False
    ) -> Session:
        """The session of a login that succeeded. Raises UpstreamUnreachable: the catalog cannot be read."""
        if opening.is_transparent:
            return TransparentSession(opening.identity, self.rules.current)
        catalog = await self.catalog(opening.identity.database)
        self.senders[process_id] = opening.identity
        return AnalysedSession(
            SessionContext(
                opening.identity,
                self.rules.current,
                lambda: catalog,
                self.masking_keys,
                parameters,
                opening.client_min_messages,
                self.stored.pins(opening.identity.database),
                self.stored.probes,
                time.time,
                self._memories.setdefault(opening.identity.database, AnalysisMemory()),
                has_clean,
                self.settings.upstream.clean is not None,
                process_id,
                self.senders,
            )
        )

    def session_ended(self, process_id: int, secret: bytes) -> None:
        """Forget the session of this server process; `secret`: of its cancel key."""
        self.cancel_keys.forget(process_id, secret)
        self.senders.pop(process_id, None)

    def clean_upstream(self, opening: Opening, role: Credentials | None) -> CleanUpstream | None:
        """A session's way to the clean login. Who works with another login than the proxy's own has none: the clean
        one could read more."""
        upstream = self.settings.upstream
        if upstream.clean is None or opening.is_transparent or role != upstream.credentials:
            return None
        database = opening.identity.database
        if database not in self._proofs:
            self._proofs[database] = CleanProof(upstream, upstream.clean, database, self.stored.pins(database))
        proof = self._proofs[database]
        return CleanUpstream(
            self.connector,
            upstream.clean,
            self.keys,
            clean_parameters(opening),
            lambda: proof.find(self.rules.current()),
        )

    async def catalog(self, database: str) -> Catalog:
        """Built-in objects of a database, read once; what users made is read in each statement's own transaction."""
        async with self._catalog_lock:
            if database not in self._catalogs:
                catalog = self._catalogs[database] = await read_catalog(self.settings.upstream, database)
                self.stored.see_database(database, catalog, self.rules.current())
            return self._catalogs[database]

    @property
    def differentials(self) -> Counter[tuple[str, str]]:
        """How often two readings of a statement differed: by what in it, and by which witness."""
        return sum((memory.differentials for memory in self._memories.values()), Counter())

    def present(self, database: str) -> PresentCatalog:
        """Where sessions ask for what is, when their own transaction sees what was."""
        if database not in self._presents:
            self._presents[database] = PresentCatalog(self.settings.upstream, database)
        return self._presents[database]

    async def cancel(self, process_id: int, secret: bytes) -> None:
        """Cancel what the session with this key runs; an unknown key does nothing."""
        found = self.cancel_keys.find(process_id, secret)
        key = None if found is None else found()
        if key is not None:
            await self.connector.cancel(*key)

    def cancel_upstream(self, process_id: int, secret: bytes) -> None:
        """The same by the server's own key, and without waiting; a drain waits for it."""
        task = self.in_background(self.connector.cancel(process_id, secret))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    @contextlib.contextmanager
    def registered(self, driver: Driver) -> Iterator[None]:
        """From the begin of a session until the client has what was written to it."""
        self._drivers.add(driver)
        self._all_gone.clear()
        try:
            yield
        finally:
            self._drivers.discard(driver)
            if not self._drivers:
                self._all_gone.set()

    # Reload and end --------------------------------------------------------------------------------------------

    def replace_rules(self, rules: Rules) -> None:
        self.rules.replace(rules)
        self.in_background(self._see_databases(tuple(self._catalogs)))
        for driver in tuple(self._drivers):
            driver.rules_changed()

    async def _see_databases(self, databases: Iterable[str]) -> None:
        """New rules cover columns by the names that they have now."""
        for database in databases:
            with contextlib.suppress(UpstreamUnreachable):
                catalog = await read_catalog(self.settings.upstream, database)
                self.stored.see_database(database, catalog, self.rules.current())

    async def is_upstream_reachable(self) -> bool:
        try:
            async with asyncio.timeout(REACHABLE_SECONDS):
                link = await self.connector.connect()
        except (ProxyError, TimeoutError):
            return False
        link.close()
        return True

    async def drain(self) -> None:
        """Refuse new clients, let running results end, then close; after `drain` what still runs is cancelled."""
        self.is_draining = True
        for driver in tuple(self._drivers):
            driver.drain()
        if not await self._are_gone_within(self.settings.drain_seconds):
            for driver in tuple(self._drivers):
                driver.hurry()
            await self._are_gone_within(LAST_ANSWER_SECONDS)
        for driver in tuple(self._drivers):
            driver.abort()
        if self._cancels:
            await asyncio.wait(self._cancels, timeout=LAST_ANSWER_SECONDS)
        self.close()

    async def _are_gone_within(self, seconds: float) -> bool:
        if self._drivers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._all_gone.wait()
        return not self._drivers

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        for present in self._presents.values():
            present.close()
        for proof in self._proofs.values():
            proof.close()
        for task in tuple(self._tasks):
            task.cancel()
