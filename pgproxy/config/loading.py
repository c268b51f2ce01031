"""pgproxy.yaml → `Settings`, or every problem of the file at once.

Keys that later parts of the proxy use are held to their shape here too: a typing mistake in `notify` is found when the
file is written, not when the first approval is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pgproxy.config.dsn import Dsn, parse_dsn
from pgproxy.config.fields import Fields, as_fields
from pgproxy.config.identities import read_credentials, read_holds, read_identities
from pgproxy.config.problems import Position, Problem, ProblemList, ProblemsFound
from pgproxy.config.reviewing import read_notify, read_reviewers
from pgproxy.config.scalars import parse_address, parse_duration, parse_masking_key, parse_web_url
from pgproxy.config.settings import (
    Address,
    Audit,
    Credentials,
    Holds,
    Http,
    Jwt,
    Settings,
    Tls,
    Upstream,
)
from pgproxy.config.substitution import substitute
from pgproxy.config.yaml_nodes import MappingNode, TextNode, load_nodes

DEFAULT_LISTEN = Address("127.0.0.1", 6543)
_NO_UPSTREAM = Upstream("", 0, "", Credentials(""), ())
"""Where the file has a problem with its own; such settings are not handed out."""
TLS_MODES = ("disable", "prefer", "require", "verify-client")


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a file, also of one with problems."""

    problems: tuple[Problem, ...]
    settings: Settings | None
    """None if there is any error."""
    rules: Path | None
    """Where the rules are, if the file says so: they can be checked in the same run."""
    partial: Settings | None = None
    """What could be read in spite of errors: to check more against, never to run with."""


def load_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read a configuration file.

    Raises:
        ProblemsFound: with every problem of the file.
    """
    reading = read_settings(path, environment)
    if reading.settings is None:
        raise ProblemsFound(reading.problems)
    return reading.settings


def read_settings(path: Path, environment: Mapping[str, str]) -> Reading:
    """As `load_settings`, for who wants to look at more files before giving up."""
    problems = ProblemList()
    settings, rules = _read(path, environment, problems)
    found = ProblemsFound(problems).problems
    return Reading(found, None if problems.has_errors else settings, rules, settings)


def _read(path: Path, environment: Mapping[str, str], problems: ProblemList) -> tuple[Settings | None, Path | None]:
    document = load_nodes(path, problems)
    if document is None:
        if not len(problems):
            problems.error(Position(str(path), 1, 1), "the file is empty", "it needs at least upstream and masking_key")
        return None, None
    document = substitute(document, path.parent, environment, problems)
    if not isinstance(document, MappingNode):
        problems.error(document.at, "pgproxy.yaml must be a mapping (key: value)")
        return None, None
    return _File(path.parent, Fields(document, "", problems), problems).settings(path)


class _File:
    """One reading of one file."""

    def __init__(self, folder: Path, top: Fields, problems: ProblemList) -> None:
        self._folder = folder
        self._top = top
        self._problems = problems

    def settings(self, path: Path) -> tuple[Settings | None, Path | None]:
        top, problems = self._top, self._problems
        top.what = "pgproxy.yaml"
        top.require("upstream", "upstream: {dsn: postgresql://USER@HOST:5432/DATABASE}")
        top.require("masking_key", "make one with: pgproxy keygen")
        top.what = ""
        jwt = self._jwt()
        reviewers = read_reviewers(top.entries("reviewers"), problems)
        identities = read_identities(top.entries("identities"), problems, has_jwt="jwt" in top)
        rules = self._path(top, "rules", readable=True)
        upstream = self._upstream()
        masking_key = top.parsed("masking_key", parse_masking_key)
        listen = top.parsed("listen", parse_address) or DEFAULT_LISTEN
        drain = top.parsed("drain", parse_duration)
        tls_fields = top.fields("tls")
        settings = Settings(
            path=path,
            listen=listen,
            upstream=upstream or _NO_UPSTREAM,
            masking_key=masking_key or b"",
            rules=rules,
            http=self._http(listen),
            tls=None if tls_fields is None else self._tls(tls_fields, is_for_clients=True),
            identities=identities,
            drain_seconds=30.0 if drain is None else drain,
            store=self._store(),
            audit=self._audit(),
            holds=read_holds(top.fields("holds"), Holds()),
            jwt=jwt,
            reviewers=reviewers,
            notify=read_notify(top.items("notify"), reviewers, problems),
        )
        self._check_links(settings)
        top.what = "pgproxy.yaml"
        top.finish()
        return settings, rules

    # Sections, in the order of docs/configuration.md ------------------------------------------------------------

    def _upstream(self) -> Upstream | None:
        fields = self._top.fields("upstream")
        if fields is None:
            return None
        fields.require("dsn", "postgresql://USER@HOST:5432/DATABASE")
        dsn_node = fields.scalar("dsn")
        dsn = fields.parsed("dsn", parse_dsn)
        password = fields.text("password")
        databases = tuple(node.text for node in fields.texts("databases"))
        if "*" in databases and len(databases) > 1:
            self._problems.error(fields.key_position("databases"), 'upstream.databases: "*" stands alone')
        analysis = fields.choice("analysis", ("session", "parse"))
        clean = self._role_split(fields)
        fields.finish()
        if dsn is None or dsn_node is None:
            return None
        if clean is not None and clean.user == dsn.user:
            at = fields.key_position("role_split")
            self._problems.error(
                at, f'upstream.role_split.clean: "{clean.user}" is the dsn\'s own login', "a second one"
            )
        if password is not None and dsn.password is not None:
            at = fields.key_position("password")
            self._problems.error(at, "upstream.password is also in the dsn", "keep one, best: password: ${NAME}")
        return Upstream(
            host=dsn.host,
            port=dsn.port,
            database=dsn.database,
            credentials=Credentials(dsn.user, password if password is not None else dsn.password),
            databases=databases or (dsn.database,),
            sslmode=dsn.sslmode,
            sslrootcert=self._dsn_file(dsn, dsn_node, "sslrootcert"),
            sslcert=self._dsn_file(dsn, dsn_node, "sslcert"),
            sslkey=self._dsn_file(dsn, dsn_node, "sslkey"),
            analysis="parse" if analysis == "parse" else "session",
            clean=clean,
            connect_timeout_seconds=dsn.connect_timeout_seconds,
        )

    def _role_split(self, upstream: Fields) -> Credentials | None:
        fields = upstream.fields("role_split")
        if fields is None:
            return None
        fields.require("clean", "clean: {user: …, password: …}")
        clean = read_credentials(fields.fields("clean"))
        fields.finish()
        return clean

    def _http(self, listen: Address) -> Http | None:
        fields = self._top.fields("http")
        if fields is None:
            return None
        fields.require("listen", "listen: 127.0.0.1:6580")
        address = fields.parsed("listen", parse_address)
        tls_fields = fields.fields("tls")
        tls = None if tls_fields is None else self._tls(tls_fields, is_for_clients=False)
        public_url = fields.parsed("public_url", parse_web_url)
        fields.finish()
        if address is None:
            return None
        if address == listen and address.port:
            self._problems.error(fields.key_position("listen"), "http.listen is the address of listen")
        return Http(address, tls, public_url or f"{'https' if tls else 'http'}://{address}")

    def _check_links(self, settings: Settings) -> None:
        """Messages are read elsewhere."""
        http = self._top.fields("http")
        if settings.notify and (http is None or "public_url" not in http):
            address = settings.http.public_url if settings.http else "http://127.0.0.1:6580"
            at = self._top.key_position("notify")
            self._problems.warning(at, f"notify: links in messages begin with {address}", "set http.public_url")

    def _tls(self, fields: Fields, *, is_for_clients: bool) -> Tls | None:
        fields.require("cert")
        fields.require("key")
        cert = self._path(fields, "cert", readable=True)
        key = self._path(fields, "key", readable=True)
        client_ca = mode = None
        if is_for_clients:
            client_ca = self._path(fields, "client_ca", readable=True)
            mode = fields.choice("mode", TLS_MODES)
            if mode == "verify-client" and "client_ca" not in fields:
                self._problems.error(
                    fields.key_position("mode"), "tls.mode: verify-client needs client_ca", "client_ca: ca.crt"
                )
        fields.finish()
        if cert is None or key is None:
            return None
        tls = Tls(cert, key, client_ca)
        match mode:
            case "disable" | "require" | "verify-client":
                return replace(tls, mode=mode)
            case _:
                return tls

    def _store(self) -> str:
        node = self._top.scalar("store")
        text = "sqlite:///pgproxy.db" if node is None else node.text
        if text.startswith("sqlite:///"):
            path = self._folder / text.removeprefix("sqlite:///")
            return f"sqlite:///{os.path.abspath(path)}"
        assert node is not None
        if not text.startswith(("postgresql://", "postgres://")):
            self._problems.error(node.at, "store must begin with sqlite:/// or postgresql://")
        else:
            self._top.parsed("store", parse_dsn)
        return text

    def _audit(self) -> Audit | None:
        node = self._top.node("audit")
        if node is None:
            return None
        if isinstance(node, TextNode):
            folder = self._path(self._top, "audit", readable=False)
            return None if folder is None else Audit(folder)
        fields = as_fields(node, "audit", self._problems)
        if fields is None:
            return None
        fields.require("folder")
        folder = self._path(fields, "folder", readable=False)
        record = fields.choice("record", ("decisions", "all"))
        # Made at the first start where it is missing, so it need not exist yet.
        signing_key = self._path(fields, "signing_key", readable=False)
        fields.finish()
        return None if folder is None else Audit(folder, "all" if record == "all" else "decisions", signing_key)

    def _jwt(self) -> Jwt | None:
        fields = self._top.fields("jwt")
        if fields is None:
            return None
        fields.require("jwks")
        node = fields.scalar("jwks")
        jwks: str | None = None
        if node is not None and "://" in node.text:
            jwks = fields.parsed("jwks", parse_web_url)
        elif node is not None:
            path = self._path(fields, "jwks", readable=True)
            jwks = None if path is None else str(path)
        jwt = Jwt(
            jwks or "",
            issuer=fields.text("issuer") or "",
            audience=fields.text("audience") or "",
            identity_claim=fields.text("identity_claim") or "sub",
            groups_claim=fields.text("groups_claim") or "groups",
        )
        # Without them a token that the same provider made for someone else's service would be accepted.
        fields.require("issuer")
        fields.require("audience")
        fields.finish()
        return jwt

    # Files --------------------------------------------------------------------------------------------------------

    def _path(self, fields: Fields, key: str, *, readable: bool) -> Path | None:
        """A path, relative to the file; `readable`: it must be there."""
        node = fields.scalar(key)
        if node is None:
            return None
        path = self._folder / node.text
        if readable:
            self._check_readable(path, node.at, fields.name(key))
        return path

    def _dsn_file(self, dsn: Dsn, node: TextNode, key: str) -> Path | None:
        text = cast("str | None", getattr(dsn, key))
        if text is None or (key == "sslrootcert" and text == "system"):
            return None  # libpq's "system" is what verify-ca and verify-full use without a file
        path = self._folder / text
        self._check_readable(path, node.at, f"upstream.dsn: {key}")
        return path

    def _check_readable(self, path: Path, at: Position, what: str) -> None:
        if not path.exists():
            self._problems.error(at, f"{what}: {path} does not exist")
        elif not os.access(path, os.R_OK):
            self._problems.error(at, f"{what}: {path} cannot be read: permission denied")
