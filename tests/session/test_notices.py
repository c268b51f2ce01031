"""Which notices reach the client of an analysed session."""

from __future__ import annotations

import pytest

from pgproxy.errors import SettingRefused
from pgproxy.session.notices import KeptLevel, is_tree
from pgproxy.session.redaction import is_harmless, redacted


@pytest.mark.parametrize(
    ("level", "severity", "is_shown"),
    [
        ("notice", "LOG", False),
        ("notice", "DEBUG", False),
        ("notice", "NOTICE", True),
        ("notice", "WARNING", True),
        ("warning", "NOTICE", False),
        ("warning", "WARNING", True),
        ("error", "WARNING", False),
        ("error", "INFO", True),
    ],
)
def test_the_clients_own_level_filters(level: str, severity: str, is_shown: bool) -> None:
    assert KeptLevel(level).shows(severity) is is_shown


@pytest.mark.parametrize("level", ["log", "debug1", "DEBUG5", "info", "nonsense"])
def test_a_level_that_shows_the_servers_log_is_refused(level: str) -> None:
    with pytest.raises(SettingRefused):
        KeptLevel.checked(level)


def test_a_set_in_a_failed_transaction_is_taken_back() -> None:
    level = KeptLevel("notice")
    level.transaction("T")
    level.set("error", is_local=False)
    level.transaction("E")
    level.transaction("I")
    assert level.shows("NOTICE")


def test_a_set_that_commits_stays() -> None:
    level = KeptLevel("notice")
    level.set("error", is_local=False)
    level.transaction("I")
    assert not level.shows("NOTICE")


def test_set_local_ends_with_the_transaction() -> None:
    level = KeptLevel("notice")
    level.transaction("T")
    level.set("error", is_local=True)
    assert not level.shows("WARNING")
    level.transaction("I")
    assert level.shows("NOTICE")


def test_only_the_servers_own_printer_announces_a_tree() -> None:
    tree = {"V": "LOG", "S": "LOG", "M": "rewritten parse tree:", "R": "elog_node_display", "D": "({QUERY …})"}
    assert is_tree(tree)
    for code, text in (("R", "exec_stmt_raise"), ("V", "NOTICE"), ("M", "parse tree:")):
        assert not is_tree({**tree, code: text})


def test_redaction_keeps_the_condition_and_drops_what_can_quote_a_row() -> None:
    told = redacted(
        {
            "S": "ERROR",
            "V": "ERROR",
            "C": "23505",
            "M": 'duplicate key value violates unique constraint "users_email_key"',
            "D": "Key (email)=(someone@example.com) already exists.",
            "H": "someone@example.com",
            "W": "SQL statement … someone@example.com",
            "q": "select 'someone@example.com'",
            "p": "3",
            "t": "users",
            "n": "users_email_key",
        }
    )
    assert told["C"] == "23505"
    assert told["M"] == "unique violation"
    assert (told["t"], told["n"]) == ("users", "users_email_key")
    assert not any("someone" in text for text in told.values())


def test_only_routines_that_name_objects_alone_are_harmless() -> None:
    assert is_harmless({"R": "aclcheck_error"}) and is_harmless({"R": "ProcessInterrupts"})
    assert not any(
        map(is_harmless, ({"R": "exec_stmt_raise"}, {"R": "ExecConstraints"}, {"R": "_bt_check_unique"}, {}))
    )


def test_an_unknown_sqlstate_says_its_class() -> None:
    assert redacted({"C": "22XYZ", "M": "secret"})["M"] == "data exception"
    assert redacted({"C": "P9999", "M": "secret"})["M"] == "error"
