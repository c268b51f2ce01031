"""`identities` of pgproxy.yaml: who may connect, and as whom the proxy logs in for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from pgproxy.config.fields import Fields, as_fields
from pgproxy.config.problems import ProblemList
from pgproxy.config.scalars import parse_password
from pgproxy.config.settings import Credentials, HoldMode, Holds, IdentitySettings
from pgproxy.config.yaml_nodes import MappingNode, Node, TextNode

ANYONE = "*"
AUTHENTICATIONS = ("scram", "jwt", "upstream")
HOLD_MODES = ("wait", "ticket", "deny")
RESERVED_PREFIXES = ("role:", "jwt:", "jwt-group:")
"""What rules write before the names of users that are not in the file."""


def read_identities(
    entries: Iterable[tuple[TextNode, Node]], problems: ProblemList, *, has_jwt: bool
) -> dict[str, IdentitySettings]:
    identities: dict[str, IdentitySettings] = {}
    for name, node in entries:
        if name.text.startswith(RESERVED_PREFIXES):
            prefix = name.text.partition(":")[0]
            problems.error(name.at, f"identities: a name cannot begin with {prefix}:", "rules use it for other users")
        if not name.text:
            problems.error(name.at, "identities: a name is empty")
        empty = isinstance(node, TextNode) and node.is_null
        fields = as_fields(MappingNode(name.at, ()) if empty else node, f"identities.{name.text}", problems)
        if fields is not None:
            identities[name.text] = _identity(name, fields, problems, has_jwt=has_jwt)
    return identities


def _identity(name: TextNode, fields: Fields, problems: ProblemList, *, has_jwt: bool) -> IdentitySettings:
    auth = fields.choice("auth", AUTHENTICATIONS)
    holds_fields = fields.fields("holds")
    identity = IdentitySettings(
        name.text,
        auth="jwt" if auth == "jwt" else "upstream" if auth == "upstream" else "scram",
        password=fields.parsed("password", parse_password),
        groups=tuple(node.text for node in fields.texts("groups")),
        owner=fields.text("owner") or "",
        upstream=read_credentials(fields.fields("upstream")),
        holds=None if holds_fields is None else read_holds(holds_fields, Holds()),
    )
    fields.finish()

    def useless(key: str, why: str) -> None:
        if key in fields:
            problems.error(fields.key_position(key), f"{fields.what}.{key} {why}", "leave it out")

    if identity.auth == "jwt" and not has_jwt:
        problems.error(fields.key_position("auth"), f"{fields.what}: auth: jwt needs the jwt section")
    if identity.auth != "scram":
        useless("password", f"is never asked for with auth: {identity.auth}")
    if identity.auth == "upstream":
        useless("upstream", "is never used: with auth: upstream the client logs in as itself")
    if identity.name == ANYONE:
        if identity.auth == "scram" and auth in (None, "scram"):
            problems.error(name.at, 'identities."*" needs auth: upstream or auth: jwt', '"*": {auth: upstream}')
        useless("groups", "concerns nobody: rules name such users by role:NAME or jwt:NAME")
        useless("owner", "concerns nobody: each user would be a different person's")
    return identity


def read_credentials(fields: Fields | None) -> Credentials | None:
    """`{user, password}` of an upstream role."""
    if fields is None:
        return None
    fields.require("user")
    user = fields.text("user")
    password = fields.text("password")
    fields.finish()
    return None if user is None else Credentials(user, password)


def read_holds(fields: Fields | None, default: Holds) -> Holds:
    """`holds`, of the file or of one identity."""
    if fields is None:
        return default
    mode = cast("HoldMode | None", fields.choice("mode", HOLD_MODES))
    in_transaction = cast("HoldMode | None", fields.choice("in_transaction", HOLD_MODES))
    max_pending = fields.whole_number("max_pending", least=1)
    fields.finish()
    return Holds(
        mode or default.mode,
        in_transaction or default.in_transaction,
        default.max_pending if max_pending is None else max_pending,
    )
