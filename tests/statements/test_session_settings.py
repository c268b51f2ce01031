"""Which settings a client with masked columns may change."""

from __future__ import annotations

import pytest

from pgproxy.errors import SettingRefused
from pgproxy.statements.session_settings import SettingVerdict, parse_options, show_verdict, verdict

PASSES = [
    ("application_name", "psql"),
    ("Application_Name", "x"),
    ("statement_timeout", "3s"),
    ("idle_in_transaction_session_timeout", "0"),
    ("timezone", "Europe/Berlin"),
    ("DateStyle", "ISO, DMY"),
    ("extra_float_digits", "3"),
    ("bytea_output", "escape"),
    ("search_path", '"$user", public'),
    ("work_mem", "64MB"),
    ("geqo_threshold", "12"),
    ("jit", "off"),
    ("transaction_isolation", "serializable"),
    ("default_transaction_read_only", "on"),
    ("pgproxy.reason", "ticket 4711"),
    ("myapp.user_id", "7"),
    ("client_encoding", "UTF8"),
    ("client_encoding", "utf-8"),
    ("client_encoding", "'utf-8'"),
    ("client_encoding", "UNICODE"),
    ("client_encoding", None),
    ("standard_conforming_strings", "on"),
    ("standard_conforming_strings", "TRUE"),
    ("standard_conforming_strings", "1"),
    ("row_security", "on"),
    ("row_security", None),
    ("role", None),
    ("role", "none"),
    ("session_authorization", None),
    ("all", None),
    ("work_mem", None),
    *((f"enable_{name}", "off") for name in ("nestloop", "mergejoin", "indexscan", "partition_pruning")),
    ("enable_seqscan", "on"),
    ("enable_seqscan", None),
    ("random_page_cost", None),
    ("plan_cache_mode", "force_custom_plan"),
]
REFUSED = [
    ("role", "postgres"),
    ("session_authorization", "postgres"),
    ("row_security", "off"),
    ("standard_conforming_strings", "off"),
    ("standard_conforming_strings", "o"),
    ("standard_conforming_strings", ""),
    ("backslash_quote", "on"),
    ("client_encoding", "LATIN1"),
    ("client_encoding", "SJIS"),
    ("client_encoding", "SQL_ASCII"),
    ("client_min_messages", "debug1"),
    ("client_min_messages", "DEBUG5"),
    ("client_min_messages", "log"),
    ("client_min_messages", "info"),
    ("debug_print_rewritten", "off"),
    ("debug_print_plan", "on"),
    ("debug_pretty_print", None),
    ("log_min_messages", "debug1"),
    ("log_statement", "all"),
    ("session_replication_role", "replica"),
    ("session_preload_libraries", "x"),
    ("local_preload_libraries", "x"),
    ("plan_cache_mode", "force_generic_plan"),
    ("allow_system_table_mods", "on"),
    ("password_encryption", "md5"),
    *((f"enable_{name}", "off") for name in ("seqscan", "bitmapscan", "hashagg", "hashjoin")),
    ("seq_page_cost", "1e9"),
    ("random_page_cost", "0"),
    ("not_a_setting", "1"),
    ("all", "1"),
]


@pytest.mark.parametrize(("name", "value"), PASSES)
def test_harmless_setting_passes(name: str, value: str | None) -> None:
    answer = verdict(name, value)
    assert answer.verdict is SettingVerdict.PASS
    answer.require()


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_setting_that_changes_meaning_or_reveals_is_refused(name: str, value: str | None) -> None:
    answer = verdict(name, value)
    assert answer.verdict is SettingVerdict.REFUSE
    assert answer.reason and answer.hint
    with pytest.raises(SettingRefused) as caught:
        answer.require()
    assert caught.value.sqlstate == "42501"


@pytest.mark.parametrize("value", ["notice", "WARNING", "error", None])
def test_message_level_is_kept_by_the_proxy(value: str | None) -> None:
    assert verdict("client_min_messages", value).verdict is SettingVerdict.KEEP


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("client_min_messages", SettingVerdict.KEEP),
        ("CLIENT_MIN_MESSAGES", SettingVerdict.KEEP),
        ("all", SettingVerdict.PASS),
        ("search_path", SettingVerdict.PASS),
    ],
)
def test_show_is_answered_by_whoever_keeps_the_setting(name: str, expected: SettingVerdict) -> None:
    assert show_verdict(name).verdict is expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", []),
        ("  ", []),
        ("-c a=b", [("a", "b")]),
        ("-ca=b --c=d", [("a", "b"), ("c", "d")]),
        ("-c  geqo=off\t--statement-timeout=5min\n", [("geqo", "off"), ("statement_timeout", "5min")]),
        ("-c search_path=a,\\ b", [("search_path", "a, b")]),
        ("-c x.y=a\\\\b", [("x.y", "a\\b")]),
        ("-c a=b=c", [("a", "b=c")]),
        ("-c A=", [("a", "")]),
        ("\\-c a=b", [("a", "b")]),
        ("-c a=b -c a=c", [("a", "b"), ("a", "c")]),
    ],
)
def test_startup_options_read_as_the_server_reads_them(options: str, expected: list[tuple[str, str]]) -> None:
    assert parse_options(options) == expected


@pytest.mark.parametrize(
    "options", ["-d 5", "-O", "-s", "-e", "a=b", "-c", "-c a", "-c =b", "--", "--a", "-S 1000", "-c a=b x", "\\"]
)
def test_other_startup_options_are_refused(options: str) -> None:
    with pytest.raises(SettingRefused):
        parse_options(options)
