"""One client's connection from its first byte to its session: TLS, startup, login on both legs.

    greet   first bytes: TLS (SSLRequest or direct), GSSENCRequest, CancelRequest, StartupMessage
    who     the directory: the proxy authenticates (SCRAM), or the upstream does (relay)
    login   upstream, with the settings that the identity's session needs
    begin   AuthenticationOk … ReadyForQuery to the client, then the driver takes both sockets

Errors before the session end the connection with one FATAL message.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import TYPE_CHECKING

from pgproxy.config.settings import Credentials
from pgproxy.errors import (
    DatabaseRefused,
    LoginRefused,
    MalformedMessage,
    ProxyError,
    ShuttingDown,
    UpstreamUnreachable,
)
from pgproxy.login.cancel_keys import SECRET_BYTES_3_0, SECRET_BYTES_3_2
from pgproxy.login.certificates import check_client_certificate
from pgproxy.login.directory import Relayed, Scram, Unknown
from pgproxy.login.identity import Identity
from pgproxy.login.relay import AnswerUpstream, LoginRelay, TellClient
from pgproxy.net.clean import CancelKey
from pgproxy.net.driver import Driver, trace
from pgproxy.net.link import ConnectionGone, Link
from pgproxy.net.upstream_login import (
    UpstreamRefused,
    UpstreamSession,
    channel_binding,
    log_in,
    read_authentication,
    read_until_ready,
)
from pgproxy.session.opening import Opening, open_session
from pgproxy.session.replies import error_response
from pgproxy.wire import asynchronous, authentication, results, startup

if TYPE_CHECKING:
    from pgproxy.net.proxy import Proxy

log = logging.getLogger("pgproxy.connection")

LOGIN_TIMEOUT_SECONDS = 60.0
"""PostgreSQL's authentication_timeout."""
LOGIN_MESSAGE_LIMIT_BYTES = 65_535


class Connection:
    """Serves one accepted socket."""

    def __init__(self, proxy: Proxy, accepted: socket.socket, name: str) -> None:
        self._proxy = proxy
        self._socket = accepted
        self._name = name
        self._client: Link | None = None
        self._upstream: Link | None = None
        self._is_relayed = False

    async def serve(self) -> None:
        """Until the connection is over. Never raises for what a client or the upstream does."""
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT_SECONDS):
                driver = await self._log_in()
        except (ConnectionGone, TimeoutError, OSError):
            self._drop()
            return
        except UpstreamRefused as refusal:
            log.info("%s refused by the upstream sqlstate=%s", self._name, refusal.response.fields.get("C", ""))
            self._last_word(self._what_the_client_hears(refusal))
            return
        except ProxyError as error:
            log.info("%s refused sqlstate=%s reason=%r", self._name, error.sqlstate, error.message)
            self._last_word(error_response(error, severity="FATAL"))
            return
        except Exception as error:
            # Without its text: it may quote what the client sent.
            log.error("%s failed during login: %s\n%s", self._name, type(error).__name__, trace(error))
            self._last_word(error_response(error, severity="FATAL"))
            return
        if driver is None:
            self._drop()
            return
        with self._proxy.registered(driver):
            driver.start()
            if self._proxy.is_draining:
                driver.drain()
            await driver.done
            if self._client is not None:
                await self._client.flushed()

    # Greeting --------------------------------------------------------------------------------------------------

    async def _log_in(self) -> Driver | None:
        client = self._client = await self._accept()
        message = await self._read_startup(client)
        if message is None:
            return None
        if self._proxy.is_draining:
            raise ShuttingDown("the proxy is shutting down")
        negotiated = startup.negotiate(message)
        if negotiated.answer is not None:
            client.write(negotiated.answer.encode())
        self._check_transport(client)
        user = message.parameters.get("user", "")
        entry = self._proxy.directory.entry(user)
        if self._proxy.requires_client_certificate:
            check_client_certificate(_peer_certificate(client), user)
        match entry:
            case Scram() | Unknown():
                await self._authenticate(client, entry)
                assert isinstance(entry, Scram)
                opening = self._opening(message, entry.identity, entry.upstream.user)
                link = await self._connect(opening)
                timeout = self._proxy.settings.upstream.connect_timeout_seconds
                session = await log_in(link, entry.upstream, self._proxy.keys, timeout_seconds=timeout)
            case Relayed():
                self._is_relayed = True
                opening = self._opening(message, entry.identity, user)
                link = await self._connect(opening)
                session = await self._relay(client, link, user)
        role = entry.upstream if isinstance(entry, Scram) else None
        return await self._begin(client, session, opening, role, negotiated.has_long_keys)

    async def _accept(self) -> Link:
        """A stream; direct TLS begins with a TLS record instead of a length."""
        loop = asyncio.get_running_loop()
        first = await _peek(self._socket)
        if not first:
            self._socket.close()
            raise ConnectionGone
        if first[0] != startup.TLS_HANDSHAKE_BYTE:
            _, link = await loop.connect_accepted_socket(Link, self._socket)
            return link
        context = self._proxy.server_context
        if context is None:
            self._socket.close()
            raise ConnectionGone
        link = Link()
        try:
            # Not the protocol that it returns: uvloop's is its own, between the socket and ours.
            await loop.connect_accepted_socket(lambda: link, self._socket, ssl=context)
        except (ssl.SSLError, OSError):
            raise ConnectionGone from None
        if link.ssl_object is None or link.ssl_object.selected_alpn_protocol() != "postgresql":
            link.abort()  # as the server: direct TLS without ALPN could be another protocol
            raise ConnectionGone
        return link

    async def _read_startup(self, client: Link) -> startup.StartupMessage | None:
        """The StartupMessage after what may come before it; None after a CancelRequest."""
        asked_tls = asked_gss = False
        while True:
            length = int.from_bytes(await client.read(4), "big")
            if not 8 <= length <= startup.MAX_STARTUP_BYTES:
                raise MalformedMessage("invalid length of startup packet")
            packet = startup.decode_first(await client.read(length - 4))
            match packet:
                case startup.SSLRequest():
                    if asked_tls or client.ssl_object is not None:
                        raise MalformedMessage("a second SSL request")
                    asked_tls = True
                    context = self._proxy.server_context
                    if context is None:
                        client.write(b"N")
                        continue
                    client.write(b"S")
                    try:
                        await client.start_tls(context, is_server=True)
                    except (ssl.SSLError, OSError):
                        raise ConnectionGone from None
                case startup.GSSENCRequest():
                    if asked_gss:
                        raise MalformedMessage("a second GSSENC request")
                    asked_gss = True
                    client.write(b"N")
                case startup.CancelRequest(process_id, secret):
                    await self._proxy.cancel(process_id, secret)
                    return None
                case startup.StartupMessage():
                    return packet

    def _check_transport(self, client: Link) -> None:
        tls = self._proxy.settings.tls
        if tls is not None and tls.mode in ("require", "verify-client") and client.ssl_object is None:
            raise LoginRefused("this proxy takes connections only over TLS", hint="Set sslmode=require.")

    def _opening(self, message: startup.StartupMessage, identity: Identity, role: str) -> Opening:
        upstream = self._proxy.settings.upstream
        database = message.parameters.get("database") or (upstream.database if identity.source == "file" else role)
        if upstream.databases != ("*",) and database not in upstream.databases:
            raise DatabaseRefused(
                f'database "{database}" is not one that this proxy offers',
                hint="upstream.databases in the proxy's configuration lists what a client may ask for.",
            )
        return open_session(message.parameters, identity, role, database, self._proxy.rules.current)

    # Authentication --------------------------------------------------------------------------------------------

    async def _authenticate(self, client: Link, entry: Scram | Unknown) -> None:
        """SCRAM with the client. Raises LoginFailed (28P01)."""
        binding = self._proxy.server_certificate_hash if client.ssl_object is not None else None
        exchange = entry.exchange(channel_binding=binding)
        client.write(authentication.AuthenticationSASL(exchange.mechanisms).encode())
        first = authentication.SASLInitialResponse.decode(await self._read_password(client))
        client.write(authentication.AuthenticationSASLContinue(exchange.initial(first.mechanism, first.data)).encode())
        response = authentication.SASLResponse.decode(await self._read_password(client))
        client.write(authentication.AuthenticationSASLFinal(exchange.final(response.data)).encode())

    async def _read_password(self, client: Link) -> bytes:
        tag, body = await client.read_message(LOGIN_MESSAGE_LIMIT_BYTES)
        if tag == b"X":
            raise ConnectionGone
        if tag != b"p":
            raise MalformedMessage(f"expected a password response, got message type {tag[0]}")
        return body

    async def _connect(self, opening: Opening) -> Link:
        link = self._upstream = await self._proxy.connector.connect()
        link.write(startup.StartupMessage(3, 0, dict(opening.parameters)).encode())
        return link

    async def _relay(self, client: Link, link: Link, user: str) -> UpstreamSession:
        relay = LoginRelay(
            user,
            client_tls=client.ssl_object is not None,
            upstream_tls=link.ssl_object is not None,
            channel_binding=channel_binding(link),
            keys=self._proxy.keys,
        )
        session = UpstreamSession(link, self._proxy.settings.upstream.connect_timeout_seconds)
        while not relay.is_complete:
            code, payload = await read_authentication(session)
            step = relay.from_upstream(code, payload)
            if isinstance(step, TellClient) and not relay.is_complete:
                client.write(authentication.authentication_frame(step.code, step.payload))
                if step.code not in (authentication.SASL_FINAL, authentication.OK):
                    step = relay.from_client(await self._read_password(client))
            if isinstance(step, AnswerUpstream):
                link.write(authentication.password_frame(step.body))
        return await read_until_ready(session)

    # Session ---------------------------------------------------------------------------------------------------

    async def _begin(
        self,
        client: Link,
        upstream: UpstreamSession,
        opening: Opening,
        upstream_role: Credentials | None,
        has_long_keys: bool,
    ) -> Driver:
        """Args:
        upstream_role: as whom the proxy logged in; None: the client did, with its own password.
        """
        proxy = self._proxy
        clean = proxy.clean_upstream(opening, upstream_role)
        session = await proxy.new_session(
            opening, upstream.parameters, upstream.process_id, has_clean=clean is not None
        )
        length = SECRET_BYTES_3_2 if has_long_keys else SECRET_BYTES_3_0

        def running() -> CancelKey:
            key = clean.cancel_key if clean is not None and session.runs_elsewhere else None
            return key or (upstream.process_id, upstream.secret)

        def cancelled() -> CancelKey | None:
            return None if driver.cancel() else running()

        secret = proxy.cancel_keys.issue(upstream.process_id, length, cancelled)
        out = [authentication.authentication_frame(authentication.OK, b"")]
        out += [asynchronous.ParameterStatus(name, value).encode() for name, value in upstream.parameters.items()]
        if upstream.secret:
            out.append(startup.BackendKeyData(upstream.process_id, secret).encode())
        out += [notice for notice in upstream.notices if opening.is_transparent]
        out.append(results.ReadyForQuery(upstream.status).encode())
        client.write(b"".join(out))

        def cancel_upstream() -> None:
            proxy.cancel_upstream(*running())

        present = proxy.present(opening.identity.database)
        driver = Driver(
            self._name, client, upstream.link, session, cancel_upstream, present.fingerprint, clean, proxy.desk
        )
        driver.done.add_done_callback(lambda _: proxy.session_ended(upstream.process_id, secret))
        log.info(
            "%s begins identity=%s database=%s analysed=%s",
            self._name,
            opening.identity.name,
            opening.identity.database,
            not opening.is_transparent,
        )
        return driver

    def _what_the_client_hears(self, refusal: UpstreamRefused) -> asynchronous.ErrorResponse:
        """The server's own words, unless it refused a password that is ours and not the client's."""
        if not self._is_relayed and refusal.response.fields.get("C", "").startswith("28"):
            log.error("%s the upstream refused the proxy's own login", self._name)
            return error_response(
                UpstreamUnreachable("the upstream server refused the proxy's login for this identity")
            )
        return refusal.response

    def _last_word(self, response: asynchronous.ErrorResponse) -> None:
        if self._client is not None:
            self._client.write(response.encode())
        self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.say_goodbye()
        else:
            self._socket.close()
        if self._upstream is not None:
            self._upstream.close()


def _peer_certificate(client: Link) -> bytes | None:
    return None if client.ssl_object is None else client.ssl_object.getpeercert(binary_form=True)


async def _peek(accepted: socket.socket) -> bytes:
    """The first byte, left in the socket; b"" when the client closed."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(accepted, wake)
    try:
        await readable
    finally:
        loop.remove_reader(accepted)
    try:
        return accepted.recv(1, socket.MSG_PEEK)
    except OSError:
        return b""
