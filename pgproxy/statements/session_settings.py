"""Which settings a client with masked columns may change, and how the startup packet's `options` reads: an allow-list.

A setting passes when it changes neither what a statement means to the readers of this package nor what the server
reveals: no lexing, no roles, no log levels, nothing that could quiet the server's trees. Used for SET, RESET and SHOW,
and for startup parameters. `set_config` and friends are the lineage's business.

Source: PostgreSQL manual, "Server Configuration"; for `options`, `postgres --help` and "Connection Parameters".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pgproxy.errors import SettingRefused


class SettingVerdict(Enum):
    PASS = "pass"  # noqa: S105 - not a password
    """Forwarded as it is."""
    KEEP = "keep"
    """Kept and answered by the proxy; never reaches the server."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict with what the client is told where it is REFUSE."""

    verdict: SettingVerdict
    reason: str = ""
    hint: str = ""

    def require(self) -> None:
        """Raise what the client is told, where it is refused.

        Raises:
            SettingRefused (42501).
        """
        if self.verdict is SettingVerdict.REFUSE:
            raise SettingRefused(self.reason, detail="rule builtin.settings", hint=self.hint)


KEPT = "client_min_messages"
"""The server's own stays at `log`, since trees arrive as notices; the proxy filters to the client's."""

DEFAULT_MESSAGE_LEVEL = "notice"

_MESSAGE_LEVELS = ("notice", "warning", "error")

_ALLOWED = frozenset(
    (
        "application_name statement_timeout lock_timeout transaction_timeout idle_session_timeout"
        " idle_in_transaction_session_timeout client_connection_check_interval tcp_keepalives_idle"
        " tcp_keepalives_interval tcp_keepalives_count tcp_user_timeout"
        # how values are written
        " timezone timezone_abbreviations datestyle intervalstyle extra_float_digits bytea_output lc_time lc_numeric"
        " lc_monetary xmlbinary xmloption lc_messages quote_all_identifiers default_text_search_config"
        # names; the server resolves them, and its tree says how
        " search_path"
        # transactions
        " transaction_isolation transaction_read_only transaction_deferrable default_transaction_isolation"
        " default_transaction_read_only default_transaction_deferrable synchronous_commit"
        # planner and resources
        " work_mem maintenance_work_mem temp_buffers hash_mem_multiplier temp_file_limit from_collapse_limit"
        " join_collapse_limit effective_cache_size effective_io_concurrency maintenance_io_concurrency"
        " default_statistics_target constraint_exclusion cursor_tuple_fraction recursive_worktable_factor"
        " parallel_setup_cost parallel_tuple_cost parallel_leader_participation min_parallel_table_scan_size"
        " min_parallel_index_scan_size max_parallel_workers max_parallel_workers_per_gather"
        " max_parallel_maintenance_workers synchronize_seqscans gin_fuzzy_search_limit gin_pending_list_limit"
        " stats_fetch_consistency vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_hit vacuum_cost_page_miss"
        " vacuum_cost_page_dirty seed force_parallel_mode debug_parallel_query"
        # what dump and restore programs send
        " default_tablespace temp_tablespaces default_table_access_method default_toast_compression"
        " check_function_bodies escape_string_warning restrict_nonsystem_relation_kind"
    ).split()
)
_ALLOWED_PREFIXES = ("enable_", "geqo", "jit")
_SWITCHES = frozenset(("enable_seqscan", "enable_bitmapscan", "enable_hashagg", "enable_hashjoin"))
_COSTS = frozenset(("seq_page_cost", "random_page_cost", "cpu_tuple_cost", "cpu_index_tuple_cost", "cpu_operator_cost"))
"""Without the one, or with extremes of the other, the planner takes an index or sorts, and the rows come out in that
order, of a masked column too."""

_WHY = {
    "role": "would change whose rights a statement has",
    "session_authorization": "would change whose rights a statement has",
    "row_security": "would change which rows a statement sees",
    "backslash_quote": "would change how a statement's text is read",
    "standard_conforming_strings": "would change how a statement's text is read",
    "client_encoding": "would change how a statement's text is read",
    KEPT: "would show the server's internal messages",
    **{name: "could make rows come out in the order of a masked column" for name in sorted(_SWITCHES | _COSTS)},
}

_SWITCH_SPACE = " \t\n\v\f\r"


def verdict(name: str, value: str | None) -> Answer:
    """What happens to SET `name` TO `value`, or to a startup parameter; `value` None is DEFAULT or RESET.

    A reset returns to what the session started with, and the proxy chose that.
    """
    name = name.lower()
    if name == KEPT:
        if value is None or value.lower() in _MESSAGE_LEVELS:
            return Answer(SettingVerdict.KEEP)
        return _refusal(name, "SET client_min_messages to notice, warning or error would pass.")
    if name == "client_encoding":
        # The server ignores case and punctuation in encoding names.
        if value is None or "".join(filter(str.isalnum, value.lower())) in ("utf8", "unicode"):
            return _PASS
        return _refusal(name, "SET client_encoding TO 'UTF8' would pass: drivers and psql convert from it.")
    if name in ("standard_conforming_strings", "row_security"):
        return _PASS if value is None or _is_on(value) else _refusal(name, "It is on, and stays on.")
    if name == "plan_cache_mode":
        is_planned_anew = value is None or value.lower() in ("auto", "force_custom_plan")
        return (
            _PASS if is_planned_anew else _refusal(name, "SET plan_cache_mode TO auto or force_custom_plan would pass.")
        )
    if name in ("role", "session_authorization"):
        is_reset = value is None or value.lower() == ("none" if name == "role" else "default")
        return _PASS if is_reset else _refusal(name, "RESET would pass; connect as the other identity.")
    if name in _COSTS:
        return _PASS if value is None else _refusal(name, "RESET and SET effective_cache_size would pass.")
    if name in _SWITCHES and value is not None and not _is_on(value):
        return _refusal(name, "SET … TO on, RESET and the other enable_ settings would pass.")
    if (name == "all" and value is None) or name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES) or "." in name:
        return _PASS
    return _refusal(
        name, "Timeouts, time zone and formats, search_path, planner and custom (dotted) settings would pass."
    )


def show_verdict(name: str) -> Answer:
    """What happens to SHOW `name` ("all" for SHOW ALL)."""
    return Answer(SettingVerdict.KEEP) if name.lower() == KEPT else _PASS


def parse_options(options: str) -> list[tuple[str, str]]:
    """The settings of a startup packet's `options`, in order: `-c a=b`, `-ca=b`, `--a=b`.

    Words end at white space unless a backslash precedes it, as the server splits them; in a name `-` is `_`.

    Raises:
        SettingRefused (42501): any other switch, or one without a value.
    """
    settings: list[tuple[str, str]] = []
    words = iter(_words(options))
    for word in words:
        if word.startswith("-c"):
            setting = word[2:] or next(words, "")
        elif word.startswith("--"):
            setting = word[2:]
        else:
            raise SettingRefused(
                "a switch in the startup options cannot be used by an identity with masked columns",
                detail="rule builtin.settings",
                hint="-c name=value and --name=value would pass for the settings that SET may change.",
            )
        name, separator, value = setting.partition("=")
        if not name or not separator:
            raise SettingRefused(
                "a switch in the startup options has no value",
                detail="rule builtin.settings",
                hint="Write -c name=value.",
            )
        settings.append((name.replace("-", "_").lower(), value))
    return settings


def _words(options: str) -> list[str]:
    words: list[str] = []
    word: str | None = None
    is_escaped = False
    for character in options:
        if is_escaped:
            word, is_escaped = (word or "") + character, False
        elif character in _SWITCH_SPACE:
            if word is not None:
                words.append(word)
            word = None
        elif character == "\\":
            word, is_escaped = word or "", True
        else:
            word = (word or "") + character
    if word is not None:
        words.append(word)
    return words


def _is_on(value: str) -> bool:
    """As the server reads a boolean: any beginning of true or yes, "on" and "1"."""
    value = value.lower()
    return value != "" and ("true".startswith(value) or "yes".startswith(value) or value in ("on", "1"))


def _refusal(name: str, hint: str) -> Answer:
    why = _WHY.get(name, "is not on the list of settings that are safe to change")
    subject = f'setting "{name}"' if name.replace("_", "").isalnum() and len(name) < 64 else "this setting"
    return Answer(SettingVerdict.REFUSE, f"{subject} {why}", hint)


_PASS = Answer(SettingVerdict.PASS)
