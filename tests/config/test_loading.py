"""Configuration files: what is read, and what is said of bad ones (`cases/*.case`: YAML, dashes, the problems)."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from pgproxy.config.loading import load_settings, read_settings
from pgproxy.config.problems import ProblemsFound
from pgproxy.config.settings import (
    Address,
    Audit,
    Credentials,
    Holds,
    Http,
    IdentitySettings,
    Jwt,
    Notify,
    Reviewer,
    Tls,
)

CASES = sorted((Path(__file__).parent / "cases").glob("*.case"))
SECRET = "hunter2"
ENVIRONMENT = {
    "KEY": "00" * 31 + "ff",
    "SHORT_KEY": "00" * 31,
    "SECRET": SECRET,
    "UPSTREAM_PASSWORD": SECRET,
    "AGENT_PASSWORD": SECRET,
    "APP_RO_PASSWORD": SECRET,
    "CLEAN_PASSWORD": SECRET,
    "DBA_PASSWORD": SECRET,
    "REVIEWER_TOKEN": "token",
    "WEBHOOK_SECRET": SECRET,
    "SLACK_SIGNING_SECRET": SECRET,
    "NUMBER": "7",
    "EVIL": "${SECRET}",
    "EMPTY": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the files that configurations name."""
    monkeypatch.chdir(tmp_path)
    for name in ("server.crt", "server.key", "ca.crt"):
        Path(name).touch()
    Path("rules").mkdir()
    Path("password.txt").write_text(SECRET + "\n")
    return tmp_path


def write(text: str) -> Path:
    path = Path("pgproxy.yaml")
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_bad_files_name_every_problem_at_once(case: Path, folder: Path) -> None:
    text, _, expected = case.read_text().partition("----\n")
    with pytest.raises(ProblemsFound) as found:
        load_settings(write(text), ENVIRONMENT)
    assert str(found.value).splitlines() == expected.strip().splitlines()
    assert SECRET not in str(found.value)
    assert ENVIRONMENT["KEY"] not in str(found.value)


FULL = (Path(__file__).parent / "full.yaml").read_text()


def test_every_key_is_read(folder: Path) -> None:
    settings = load_settings(write(FULL), ENVIRONMENT)
    assert settings.path == Path("pgproxy.yaml")
    assert settings.listen == Address("127.0.0.1", 6543)
    upstream = settings.upstream
    assert (upstream.host, upstream.port, upstream.database) == ("127.0.0.1", 5432, "shop")
    assert upstream.credentials == Credentials("app", SECRET)
    assert upstream.databases == ("shop",)
    assert upstream.clean == Credentials("app_clean", SECRET)
    assert settings.masking_key == bytes(31) + b"\xff"
    assert settings.rules == Path("rules")
    assert settings.http == Http(Address("127.0.0.1", 6580), None, "http://127.0.0.1:6580")
    assert settings.tls == Tls(Path("server.crt"), Path("server.key"), Path("ca.crt"), "prefer")
    assert settings.identities == {
        "support-agent": IdentitySettings(
            "support-agent",
            "scram",
            SECRET,
            ("agents",),
            "support-lead",
            Credentials("app_ro", SECRET),
            Holds("ticket"),
        ),
        "dba": IdentitySettings("dba", password=SECRET, groups=("dba",)),
        "tokens-only": IdentitySettings("tokens-only"),
        "*": IdentitySettings("*", auth="upstream"),
    }
    assert settings.drain_seconds == 900
    assert settings.store == f"sqlite:///{folder / 'pgproxy.db'}"
    assert settings.audit == Audit(Path("audit"))
    assert settings.holds == Holds("wait", "deny", 5)
    assert settings.jwt == Jwt("https://idp.example/jwks.json", "https://idp.example", "pgproxy", "sub", "groups")
    assert settings.reviewers == {"security-oncall": Reviewer("security-oncall", "token", ("security",), "U024BE7LH")}
    assert settings.notify == (
        Notify("webhook", "https://hooks.example/approvals", SECRET, "", ("security-oncall",), shows_values=False),
        Notify("slack", "https://hooks.slack.example/x", SECRET),
        Notify("teams", "https://teams.example/workflows/x"),
    )


def test_settings_show_no_secret(folder: Path) -> None:
    text = FULL.replace("sqlite:///pgproxy.db", f"postgresql://s:{SECRET}@h/db")
    shown = repr(load_settings(write(text), ENVIRONMENT))
    assert SECRET not in shown
    assert "hooks" not in shown
    assert "\\xff" not in shown


def test_little_is_needed(folder: Path) -> None:
    settings = load_settings(write("upstream: {dsn: postgresql://app@db/shop}\nmasking_key: ${KEY}\n"), ENVIRONMENT)
    assert settings.listen == Address("127.0.0.1", 6543)
    assert settings.upstream.databases == ("shop",)
    assert settings.upstream.port == 5432
    assert settings.upstream.credentials.password is None
    assert settings.rules is None
    assert settings.http is None
    assert settings.drain_seconds == 30
    assert settings.store == f"sqlite:///{folder / 'pgproxy.db'}"


def test_paths_are_relative_to_the_file(folder: Path) -> None:
    (folder / "etc").mkdir()
    shutil.copy("server.crt", "etc/own.crt")
    path = folder / "etc" / "pgproxy.yaml"
    path.write_text(
        "upstream: {dsn: 'postgresql://app@db/shop?sslrootcert=own.crt', password: '${file:../password.txt}'}\n"
        "masking_key: ${KEY}\naudit: {folder: trail, record: all}\nrules: ../rules\n"
    )
    settings = load_settings(Path("etc/pgproxy.yaml"), ENVIRONMENT)
    assert settings.upstream.sslrootcert == Path("etc/own.crt")
    assert settings.upstream.credentials.password == SECRET
    assert settings.audit == Audit(Path("etc/trail"), "all")
    assert settings.rules == Path("etc/../rules")
    assert settings.store == f"sqlite:///{folder / 'etc/pgproxy.db'}"


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("yes", "yes"),
        ("0123", "0123"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("true", "true"),
        ("'null'", "null"),
        ("a${SECRET}b${NUMBER}", f"a{SECRET}b7"),
        ("${EVIL}", "${SECRET}"),
        ("a$${SECRET}", "a${SECRET}"),
        ("${file:password.txt}", SECRET),
    ],
)
def test_text_is_what_is_written(written: str, password: str, folder: Path) -> None:
    start = "upstream: {dsn: postgresql://app@db/shop}\nmasking_key: ${KEY}\nidentities:\n"
    text = f"{start}  a:\n    password: {written}\n"
    assert load_settings(write(text), ENVIRONMENT).identities["a"].password == password


def test_a_number_may_come_from_the_environment(folder: Path) -> None:
    text = "upstream: {dsn: postgresql://app@db/shop}\nmasking_key: ${KEY}\nholds:\n  max_pending: ${NUMBER}\n"
    assert load_settings(write(text), ENVIRONMENT).holds.max_pending == 7


@pytest.mark.parametrize("databases", ['"*"', '["*"]'])
def test_any_database_may_be_offered(databases: str, folder: Path) -> None:
    text = f"upstream:\n  dsn: postgresql://app@db/shop\n  databases: {databases}\nmasking_key: ${{KEY}}\n"
    assert load_settings(write(text), ENVIRONMENT).upstream.databases == ("*",)


def test_a_bad_file_still_says_where_its_rules_are(folder: Path) -> None:
    reading = read_settings(write("rules: rules\nupstreem: {}\n"), ENVIRONMENT)
    assert reading.settings is None
    assert reading.rules == Path("rules")
    assert len(reading.problems) == 3


def test_problems_are_in_order_of_their_place(folder: Path) -> None:
    reading = read_settings(write("drain: x\nstore: y\nlisten: z\nmasking_key: k\n"), ENVIRONMENT)
    assert [problem.line for problem in reading.problems] == sorted(problem.line for problem in reading.problems)


def test_base64_keys_are_read(folder: Path) -> None:
    key = bytes(range(224, 256))
    for text in (base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode().rstrip("=")):
        file = write(f"upstream: {{dsn: postgresql://app@db/shop}}\nmasking_key: {text}\n")
        assert load_settings(file, {}).masking_key == key
