"""The GRANT script of the clean login, from the rules and the rights that there are."""

from __future__ import annotations

from pgproxy.net.reading import read_catalog, read_reach, read_rights
from pgproxy.policy.grants import grant_script
from pgproxy.policy.masked_columns import masked_columns
from pgproxy.service.checking import databases_of
from pgproxy.service.files import Configuration
from pgproxy.service.pinned import pins_of


async def grant_scripts(configuration: Configuration, clean: str | None, database: str | None) -> dict[str, str]:
    """A script for each database.

    Args:
        clean: name of the restricted login; None: the configuration's, else one made from the full login's.
        database: None: all of the configuration.

    Raises:
        UpstreamUnreachable, StoreUnavailable.
    """
    upstream, rules = configuration.settings.upstream, configuration.rules
    full = upstream.credentials.user
    name = clean or (upstream.clean.user if upstream.clean is not None else f"{full}_clean")
    scripts: dict[str, str] = {}
    for one in [database] if database is not None else databases_of(upstream):
        pins = await pins_of(configuration.settings, one)
        masked = masked_columns(rules, await read_catalog(upstream, one), pins.under(rules))
        rights = await read_rights(upstream, one, name, {column.id for column in masked})
        scripts[one] = grant_script(name, full, rights, await read_reach(upstream, one, full, name), masked)
    return scripts
