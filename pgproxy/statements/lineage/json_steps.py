"""Constant paths into json documents: a part of one is told apart from the rest."""

from __future__ import annotations

from typing import Any

from pgproxy.statements.lineage.constants import deciding_text, deciding_texts
from pgproxy.statements.lineage.flow import Size, Value
from pgproxy.statements.model import Form, Source
from pgproxy.statements.tree import Node


def constant_steps(node: Any) -> list[str] | None:
    """The constant steps of a path: a key, an index or a constant array of them; None if it is not constant."""
    if not isinstance(node, Node):
        return None
    if node.tag == "CONST":
        text = deciding_text(node)
        return [text] if text is not None else deciding_texts(node)
    if node.tag == "ARRAYEXPR":
        steps = [constant_steps(item) for item in node.nodes("elements")]
        return [step[0] for step in steps if step] if all(step and len(step) == 1 for step in steps) else None
    if node.tag in ("RELABELTYPE", "COERCEVIAIO"):
        return constant_steps(node["arg"])
    return None


def at_path(document: Value, steps: list[str] | None, otherwise: Value) -> Value:
    """The part of a json document at a constant path."""
    if not document.is_unchanged or not steps:
        return otherwise
    sources = frozenset(
        Source(source.column, Form.DERIVED, (*(source.json_path or ()), *steps)) for source in document.sources
    )
    return Value(sources, is_unchanged=True, size=Size())
