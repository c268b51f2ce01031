"""What is wrong in a file of the operator: where, what, and what would be right. A run collects all of them.

No message holds a value that came from the environment, from another file, or from a key that holds a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """ "FILE:LINE", as reasons name a rule."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    column: int
    severity: Severity
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        tail = f" ({self.suggestion})" if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}{tail}"

    def as_dict(self) -> dict[str, object]:
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity,
            "message": self.message,
            "suggestion": self.suggestion,
        }


class OperatorError(Exception):
    """What an operator can mend, in one clear line."""


class ProblemsFound(Exception):
    """A file that cannot be used. The problems are in order of their place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ProblemList:
    """Collects the problems of a run."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def error(self, at: Position, message: str, suggestion: str = "") -> None:
        self._add(Problem(at.file, at.line, at.column, "error", message, suggestion))

    def warning(self, at: Position, message: str, suggestion: str = "") -> None:
        self._add(Problem(at.file, at.line, at.column, "warning", message, suggestion))

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._add(problem)

    def _add(self, problem: Problem) -> None:
        if problem not in self._found:
            self._found.append(problem)

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self._found)

    def raise_errors(self) -> None:
        """Raises ProblemsFound, warnings with it, if there is an error."""
        if self.has_errors:
            raise ProblemsFound(self._found)


def nearest(word: str, known: Iterable[str]) -> str:
    """ "did you mean …?" for a word that is not known, or ""."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.65)
    return f"did you mean {by_folded[close[0]]}?" if close else ""


def nearest_or_all(word: str, known: Iterable[str]) -> str:
    """As `nearest`; without a close one, what there is."""
    names = list(known)
    return nearest(word, names) or (f"known: {', '.join(names)}" if names else "")
