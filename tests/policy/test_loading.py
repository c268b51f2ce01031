"""Rules files: what is read, and what is said of bad ones (`files/*.case`: YAML, a line of dashes, the problems)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgproxy.config.problems import ProblemsFound
from pgproxy.policy.loading import load_rules, read_rules
from pgproxy.policy.mask_reading import SCRUB_KINDS
from pgproxy.policy.masks import (
    Constant,
    Digits,
    Fake,
    Hash,
    Json,
    Mask,
    Null,
    Partial,
    Redact,
    Round,
    Scrub,
    ShiftDays,
    Tokenize,
    Truncate,
)
from pgproxy.policy.rules import Conditions, Defaults, Rules, Word

FILES = sorted((Path(__file__).parent / "files").glob("*.case"))
EXAMPLE = Path(__file__).parents[2] / "rules" / "example.yaml"
PROVIDERS = {"name", "email", "first_name", "company"}


def load(text: str, folder: Path) -> Rules:
    path = folder / "rules.yaml"
    path.write_text(text)
    return load_rules(path, PROVIDERS)


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_bad_files_name_every_problem_at_once(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, _, expected = case.read_text().partition("----\n")
    with pytest.raises(ProblemsFound) as found:
        load(text, Path())
    assert str(found.value).splitlines() == expected.strip().splitlines()


def test_the_example_is_read_whole() -> None:
    rules = load_rules(EXAMPLE, PROVIDERS)
    masks = {entry.name: entry for entry in rules.masks}
    assert masks["public.users.name"].mask == Fake("name")
    assert masks["public.users.ssn"].mask == Partial(keep_last=4)
    assert masks["public.users.ssn"].predicates == "deny"
    assert masks["public.users.email"].predicates is None
    assert masks["public.users.profile"].mask == Json((("$.address", Redact()), ("$.contacts[*].email", Fake("email"))))
    assert masks["*.*.*card_number*"].mask == Tokenize("digits")
    assert str(masks["public.users.name"].at).endswith("rules/example.yaml:7")
    assert [str(pattern) for pattern, _ in rules.reveals[0].columns] == ["public.users.*", "public.orders.*"]
    bulk, wide, large = rules.approvals
    assert (bulk.name, bulk.quorum, bulk.expires_seconds, bulk.max_rows) == ("bulk-export", 1, 900, 100000)
    assert bulk.conditions.classes == {"copy_to"}
    assert bulk.reviewers == (Word("security"),)
    assert wide.conditions == Conditions(frozenset({"update", "delete"}), without_where=True)
    assert large.conditions.estimated_rows_over == 10000
    assert large.conditions.touches_masked
    assert rules.denials[0].conditions.identities == (Word("agents"),)
    assert [(limit.rows, limit.probes, limit.then) for limit in rules.limits] == [
        (100000, None, "hold"),
        (None, 50, "deny"),
    ]
    assert rules.defaults == Defaults()
    assert rules.tests[0].masks == (("email", Fake("email")),)
    assert (rules.tests[-2].decision, rules.tests[-2].rule) == ("hold", "bulk-export")
    assert rules.tests[-1].rows == (((0, "1"), (1, "123-45-6789")),)
    assert rules.tests[-1].returns == (((0, "1"), (1, "*******6789")),)


@pytest.mark.parametrize(
    ("written", "mask"),
    [
        ("null", Null()),
        ("~", Null()),
        ("'null'", Null()),
        ("redact", Redact()),
        ("hash", Hash()),
        ("digits", Digits()),
        ("{mask: hash}", Hash()),
        ("{hash: , predicates: deny}", Hash()),
        ("{hash: {}, enforce: observe}", Hash()),
        ("{constant: 0}", Constant("0")),
        ("{constant: 1.50}", Constant("1.50")),
        ("{constant: 2000-01-01}", Constant("2000-01-01")),
        ("{constant: no}", Constant("no")),
        ("{constant: 010}", Constant("010")),
        ("{constant: ''}", Constant("")),
        ("{partial: {keep_first: 1, keep_last: 2, char: '#'}}", Partial(1, 2, "#")),
        ("{partial: {}}", Partial()),
        ("{fake: email}", Fake("email")),
        ("{tokenize: alnum}", Tokenize("alnum")),
        ("{round: 0.5}", Round("0.5")),
        ("{truncate: month}", Truncate("month")),
        ("{shift_days: 30}", ShiftDays(30)),
        ("{scrub: [email, ssn]}", Scrub(("email", "ssn"))),
        ("{scrub: email}", Scrub(("email",))),
        ('{json: {"$.a[0]": {fake: name}, "$..b": null}}', Json((("$.a[0]", Fake("name")), ("$..b", Null())))),
    ],
)
def test_masks_are_read_as_written(written: str, mask: Mask, tmp_path: Path) -> None:
    rules = load(f"masks:\n  public.t:\n    c: {written}\n", tmp_path)
    assert rules.masks[0].mask == mask


def test_names_need_no_quotes_but_for_dots(tmp_path: Path) -> None:
    rules = load('masks:\n  Größe.Mixed Case: {"Straße *": hash}\n  \'"a.b"."c*"\': {on: hash, no: hash}\n', tmp_path)
    assert [str(entry.columns) for entry in rules.masks] == [
        "Größe.Mixed Case.Straße *",
        '"a.b"."c*".on',
        '"a.b"."c*".no',
    ]
    assert rules.masks[1].columns.fits("a.b", "c*", "on")
    assert not rules.masks[1].columns.fits("a.b", "cx", "on")


def test_a_folder_is_read_in_name_order_and_the_strictest_default_wins(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("masks: {public.b: {c: hash}}\ndefaults: {derived: deny, predicates: equality}\n")
    (tmp_path / "a.yaml").write_text("masks: {public.a: {c: hash}}\ndefaults: {derived: null, predicates: allow}\n")
    (tmp_path / "c.txt").write_text("not a rule")
    (tmp_path / "d.yaml").write_text("")
    rules = load_rules(tmp_path)
    assert [entry.name for entry in rules.masks] == ["public.a.c", "public.b.c"]
    assert rules.defaults == Defaults(derived="deny", predicates="equality")


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    first = load("masks: {public.a: {c: hash}}\n", tmp_path).version
    assert load("masks: {public.a: {c: hash}}\n", tmp_path).version == first
    assert load("masks: {public.a: {c: redact}}\n", tmp_path).version != first


def test_an_empty_folder_is_a_warning(tmp_path: Path) -> None:
    rules, problems = read_rules(tmp_path)
    assert rules.masks == ()
    assert [problem.severity for problem in problems] == ["warning"]
    load_rules(tmp_path)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound, match="cannot be read: No such file"):
        load_rules(tmp_path / "none.yaml")


def test_providers_are_only_checked_where_known(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("masks: {public.a: {c: {fake: whatever}}}\n")
    assert load_rules(path).masks[0].mask == Fake("whatever")


def test_scrub_kinds_are_those_that_masking_finds() -> None:
    from pgproxy.masking.scrubbing import KINDS

    assert set(SCRUB_KINDS) == set(KINDS)
