"""The schemas for editors and the pages know the keys that the loaders know, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pgproxy.config.fields import Fields
from pgproxy.config.loading import read_settings
from pgproxy.config.problems import ProblemList
from pgproxy.policy.loading import CLASSES, load_rules
from pgproxy.policy.mask_reading import OPTIONS, MaskReader
from pgproxy.policy.mask_text import mask_text
from pgproxy.policy.rules import RuleTest

ROOT = Path(__file__).parents[2]
Known = dict[str, set[str]]

KEYS_OF_RULES = {
    "rules": "",
    "reveal": "reveal",
    "approvals": "approval",
    "deny": "denial",
    "limits": "limit",
    "defaults": "defaults",
    "tests": "test",
}
"""Section → its definition in the schema."""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    """What loaders ask for, by the mapping's name without the operator's own names."""
    found: Known = {}

    def finish(self: Fields) -> None:
        section = re.sub(r"^(identities|reviewers|approvals|deny|limits)\.[^.]+", r"\1", self.what)
        found.setdefault(section, set()).update(self._asked)

    monkeypatch.setattr(Fields, "finish", finish)
    return found


def schema(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "rules" / f"{name}.schema.json").read_text())
    return read


def properties(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys of a mapping in a schema, through references and alternatives."""
    if "$ref" in node:
        return properties(definitions[node["$ref"].rpartition("/")[2]], definitions)
    for alternative in node.get("anyOf", ()):
        if inner := properties(alternative, definitions):
            return inner
    found: Mapping[str, Any] = node.get("properties", {})
    return found


def test_the_schema_of_rules_has_the_loaders_keys(known: Known) -> None:
    load_rules(ROOT / "rules" / "example.yaml")
    document = schema("rules")
    for section, definition in KEYS_OF_RULES.items():
        node = document["$defs"][definition] if definition else document
        assert set(node["properties"]) == known[section], section
    assert set(document["$defs"]["class"]["enum"]) == set(CLASSES)


def test_the_schema_of_rules_has_every_mask() -> None:
    document = schema("rules")
    names = {*MaskReader(ProblemList(), None).names, "mask"}
    assert set(properties(document["$defs"]["mask"], document["$defs"])) == names
    assert set(properties(document["$defs"]["entry"], document["$defs"])) == names | set(OPTIONS)


def test_the_schema_of_the_configuration_has_the_loaders_keys(known: Known, tmp_path: Path) -> None:
    (tmp_path / "pgproxy.yaml").write_text(
        "http: {tls: {}}\naudit: {folder: x}\nholds: {}\ntls: {}\njwt: {}\nidentities: {a: {upstream: {}, holds: {}}}\n"
        "upstream: {role_split: {clean: {}}}\nreviewers: {r: {}}\nnotify: [{webhook: {}}, {slack: {}}, {teams: {}}]\n"
    )
    read_settings(tmp_path / "pgproxy.yaml", {})
    document = schema("pgproxy")
    for section, keys in known.items():
        node: Mapping[str, Any] = document
        for part in [] if section == "pgproxy.yaml" else section.split("."):
            inner = properties(node, document["$defs"])[part]
            inner = inner.get("additionalProperties") or inner.get("items") or inner
            node = inner
        assert set(properties(node, document["$defs"])) == keys, section


def test_every_setting_has_its_heading(known: Known, tmp_path: Path) -> None:
    (tmp_path / "pgproxy.yaml").write_text("{}")
    read_settings(tmp_path / "pgproxy.yaml", {})
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert set(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == known["pgproxy.yaml"]


@pytest.mark.parametrize(("name", "page"), [("rules", "rules"), ("pgproxy", "configuration")])
def test_the_page_names_every_key(name: str, page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    words = set(re.findall(r"\w+", text))
    keys: set[str] = set()

    def collect(node: object) -> None:
        if isinstance(node, dict):
            keys.update(node.get("properties", {}))
            for inner in node.values():
                collect(inner)
        elif isinstance(node, list):
            for inner in node:
                collect(inner)

    collect(schema(name))
    assert keys - words == set()


def test_the_rules_on_the_page_are_rules(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "rules.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for block in blocks:
        path = tmp_path / "rules.yaml"
        path.write_text(block)
        load_rules(path)
    assert len(blocks) > 5


def test_the_example_expects_masks_that_it_gives() -> None:
    """Each `masks:` of its tests is what an entry of the file says, or raw."""
    rules = load_rules(ROOT / "rules" / "example.yaml")
    given = {mask_text(entry.mask) for entry in rules.masks}
    tests: tuple[RuleTest, ...] = rules.tests
    assert all(mask is None or mask_text(mask) in given for test in tests for _, mask in test.masks)
