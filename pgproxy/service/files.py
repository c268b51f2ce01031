"""The configuration with its rules, read from the files that an operator names."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgproxy.config.loading import Reading, read_settings
from pgproxy.config.problems import Position, Problem, ProblemList, ProblemsFound
from pgproxy.config.settings import Settings
from pgproxy.config.yaml_nodes import MappingNode, load_nodes
from pgproxy.masking.functions import known_providers
from pgproxy.policy.checking import check_references
from pgproxy.policy.loading import load_rules, read_rules
from pgproxy.policy.rules import Rules


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    rules: Rules
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """What the files say, as far as they could be understood."""

    reading: Reading
    rules: Rules
    problems: tuple[Problem, ...]
    """Of settings, rules, and what the rules name of the settings."""

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def read_files(path: Path, environment: Mapping[str, str] | None) -> Files:
    """As `load`, for who wants to look at more before giving up."""
    reading = read_settings(path, os.environ if environment is None else environment)
    rules, problems = Rules(), list(reading.problems)
    if reading.rules is not None and reading.rules.exists():
        rules, found = read_rules(reading.rules, known_providers())
        problems += found
    if reading.partial is not None:
        problems += check_references(rules, reading.partial)
    return Files(reading, rules, ProblemsFound(problems).problems)


def load(path: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """Settings and rules.

    Raises:
        ProblemsFound: every error of both, at once.
    """
    files = read_files(path, environment)
    if files.has_errors or files.reading.settings is None:
        raise ProblemsFound(files.problems)
    return Configuration(files.reading.settings, files.rules, files.problems)


def load_all_rules(settings: Settings) -> Rules:
    """The rules that the settings name; none is no rules.

    Raises:
        ProblemsFound.
    """
    rules = Rules() if settings.rules is None else load_rules(settings.rules, providers=known_providers())
    errors = [problem for problem in check_references(rules, settings) if problem.severity == "error"]
    if errors:
        raise ProblemsFound(errors)
    return rules


class Places:
    """Where the keys of pgproxy.yaml are."""

    def __init__(self, path: Path) -> None:
        self._start = Position(str(path), 1, 1)
        self._document = load_nodes(path, ProblemList())

    def of(self, *keys: str) -> Position:
        """The value of this key, or of the last one on the way that is there."""
        node, at = self._document, self._start
        for key in keys:
            entries = node.entries if isinstance(node, MappingNode) else ()
            node = next((value for name, value in entries if name.text == key), None)
            at = at if node is None else node.at
        return at

    def is_upstream(self, problem: Problem) -> bool:
        """Whether it is in the lines of `upstream`."""
        entries = self._document.entries if isinstance(self._document, MappingNode) else ()
        begin = next((key.at.line for key, _ in entries if key.text == "upstream"), None)
        if begin is None or problem.file != self._start.file:
            return False
        end = min((key.at.line for key, _ in entries if key.at.line > begin), default=sys.maxsize)
        return begin <= problem.line < max(end, begin + 1)
