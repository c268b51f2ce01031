"""Masks as rules write them → `policy.masks`. The way back is `policy.mask_text`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

from pgproxy.config.fields import Fields, as_choice, as_fields, as_text
from pgproxy.config.problems import ProblemList, nearest, nearest_or_all
from pgproxy.config.yaml_nodes import ListNode, MappingNode, Node, TextNode
from pgproxy.policy.json_paths import parse_key_path
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
from pgproxy.policy.rules import PREDICATES, Predicates

PLAIN: dict[str, Mask] = {"null": Null(), "redact": Redact(), "hash": Hash(), "digits": Digits()}
ALPHABETS = ("digits", "alnum")
TIME_UNITS = ("year", "month", "day", "hour")
SCRUB_KINDS = ("email", "phone", "ssn", "credit_card", "iban", "ip", "mac", "url")
OPTIONS = ("predicates", "enforce")
"""What may stand beside a mask."""
LONGEST_SHIFT_DAYS = 36_500

_DECIMAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")


@dataclass(frozen=True, slots=True)
class ReadMask:
    mask: Mask
    predicates: Predicates | None = None
    is_enforced: bool = True


class MaskReader:
    """
    Args:
        providers: known `fake:` providers; None: not checked.
    """

    def __init__(self, problems: ProblemList, providers: Collection[str] | None) -> None:
        self._problems = problems
        self._providers = providers
        self._with_argument: dict[str, Callable[[Node], Mask | None]] = {
            "constant": self._constant,
            "partial": self._partial,
            "fake": self._fake,
            "tokenize": self._tokenize,
            "round": self._round,
            "truncate": self._truncate,
            "shift_days": self._shift_days,
            "scrub": self._scrub,
            "json": self._json,
        }

    @property
    def names(self) -> list[str]:
        return sorted([*PLAIN, *self._with_argument])

    def mask(self, node: Node) -> Mask | None:
        """A mask without options."""
        read = self._read(node, may_have_options=False)
        return None if read is None else read.mask

    def entry(self, node: Node) -> ReadMask | None:
        """A mask under `masks`: also `{…, predicates: deny}` and `{mask: hash, enforce: observe}`."""
        return self._read(node, may_have_options=True)

    def _read(self, node: Node, *, may_have_options: bool) -> ReadMask | None:
        match node:
            case TextNode():
                mask = self._named(node)
                return None if mask is None else ReadMask(mask)
            case ListNode():
                self._problems.error(node.at, "a mask is a name or a mapping, not a list", "e.g. {fake: email}")
                return None
            case MappingNode():
                return self._mapping(node, may_have_options=may_have_options)

    def _named(self, node: TextNode) -> Mask | None:
        if node.is_null:
            return Null()
        if node.text in PLAIN:
            return PLAIN[node.text]
        if node.text in self._with_argument:
            self._problems.error(node.at, f"the mask {node.text} needs its argument", EXAMPLES[node.text])
        else:
            self._problems.error(node.at, f"unknown mask {node.shown}", nearest_or_all(node.text, self.names))
        return None

    def _mapping(self, node: MappingNode, *, may_have_options: bool) -> ReadMask | None:
        kinds = [(key, value) for key, value in node.entries if not (may_have_options and key.text in OPTIONS)]
        options = Fields(MappingNode(node.at, tuple(e for e in node.entries if e not in kinds)), "mask", self._problems)
        predicates = cast("Predicates | None", options.choice("predicates", PREDICATES))
        is_enforced = options.choice("enforce", ("observe",)) is None
        known = [*PLAIN, *self._with_argument, "mask"]
        for key, _ in kinds:
            if key.text not in known:
                names = [*known, *(OPTIONS if may_have_options else ())]
                self._problems.error(key.at, f'unknown mask "{key.text}"', nearest_or_all(key.text, sorted(names)))
        if any(key.text not in known for key, _ in kinds):
            return None
        if len(kinds) != 1:
            what = "more than one mask" if kinds else "no mask"
            self._problems.error(kinds[1][0].at if kinds else node.at, f"{what} for one column", "e.g. {fake: email}")
            return None
        ((key, value),) = kinds
        mask: Mask | None
        if key.text == "mask":
            mask = self.mask(value)
        elif key.text in PLAIN:
            mask = self._without_argument(key, value)
        else:
            mask = self._with_argument[key.text](value)
        return None if mask is None else ReadMask(mask, predicates, is_enforced)

    def _without_argument(self, key: TextNode, value: Node) -> Mask | None:
        is_empty = (isinstance(value, TextNode) and value.is_null) or value == MappingNode(value.at, ())
        if is_empty:
            return PLAIN[key.text]
        self._problems.error(value.at, f"the mask {key.text} takes no argument", f"{{mask: {key.text}}}")
        return None

    # One reader for each mask with an argument --------------------------------------------------------------------

    def _constant(self, node: Node) -> Mask | None:
        if isinstance(node, TextNode) and not node.is_null:
            return Constant(node.text)
        self._problems.error(node.at, "constant must be a value", 'e.g. {constant: "n/a"}; for NULL: null')
        return None

    def _partial(self, node: Node) -> Mask | None:
        fields = as_fields(node, "partial", self._problems)
        if fields is None:
            return None
        before = len(self._problems)
        keep_first = fields.whole_number("keep_first")
        keep_last = fields.whole_number("keep_last")
        char = fields.scalar("char")
        fields.finish()
        if char is not None and (len(char.text) != 1 or not char.text.isprintable()):
            self._problems.error(char.at, "partial.char must be one printable character")
        return (
            None
            if len(self._problems) > before
            else Partial(keep_first or 0, keep_last or 0, "*" if char is None else char.text)
        )

    def _fake(self, node: Node) -> Mask | None:
        text = as_text(node, "fake", self._problems)
        if text is None:
            return None
        if self._providers is not None and text.text not in self._providers:
            self._problems.error(text.at, f"fake: no provider {text.shown}", nearest(text.text, self._providers))
            return None
        return Fake(text.text)

    def _tokenize(self, node: Node) -> Mask | None:
        alphabet = self._one_of(node, "tokenize", ALPHABETS)
        return None if alphabet is None else Tokenize(alphabet)

    def _truncate(self, node: Node) -> Mask | None:
        unit = self._one_of(node, "truncate", TIME_UNITS)
        return None if unit is None else Truncate(unit)

    def _round(self, node: Node) -> Mask | None:
        text = as_text(node, "round", self._problems)
        if text is None:
            return None
        if not _DECIMAL.fullmatch(text.text) or not text.text.strip("0."):
            self._problems.error(text.at, f"round must be a positive number, not {text.shown}", "e.g. {round: 1000}")
            return None
        return Round(text.text)

    def _shift_days(self, node: Node) -> Mask | None:
        text = as_text(node, "shift_days", self._problems)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,5}", text.text) or not 0 < int(text.text) <= LONGEST_SHIFT_DAYS:
            self._problems.error(text.at, f"shift_days must be a number from 1 to {LONGEST_SHIFT_DAYS}")
            return None
        return ShiftDays(int(text.text))

    def _scrub(self, node: Node) -> Mask | None:
        items = node.items if isinstance(node, ListNode) else (node,)
        if not items:
            self._problems.error(node.at, "scrub needs at least one kind", ", ".join(SCRUB_KINDS))
            return None
        kinds = [self._one_of(item, "scrub", SCRUB_KINDS) for item in items]
        known = tuple(kind for kind in kinds if kind is not None)
        return Scrub(known) if len(known) == len(kinds) else None

    def _json(self, node: Node) -> Mask | None:
        if not isinstance(node, MappingNode) or not node.entries:
            self._problems.error(node.at, "json must be a mapping of paths to masks", EXAMPLES["json"])
            return None
        paths: list[tuple[str, Mask]] = []
        for path, value in node.entries:
            try:
                parse_key_path(path.text)
            except ValueError as error:
                message, *suggestion = error.args
                self._problems.error(path.at, message, *suggestion)
            mask = self.mask(value)
            if isinstance(mask, Json):
                self._problems.error(value.at, "a json mask inside a json mask", "write the longer path instead")
            elif mask is not None:
                paths.append((path.text, mask))
        return Json(tuple(paths)) if len(paths) == len(node.entries) else None

    def _one_of(self, node: Node, what: str, choices: tuple[str, ...]) -> str | None:
        text = as_text(node, what, self._problems)
        return None if text is None else as_choice(text, what, choices, self._problems)


EXAMPLES = {
    "constant": "{constant: n/a}",
    "partial": "{partial: {keep_last: 4}}",
    "fake": "{fake: email}",
    "tokenize": "{tokenize: digits}",
    "round": "{round: 1000}",
    "truncate": "{truncate: year}",
    "shift_days": "{shift_days: 30}",
    "scrub": "{scrub: [email, phone]}",
    "json": '{json: {"$.address": redact}}',
}
"""How each mask with an argument is written."""
