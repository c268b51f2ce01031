"""`${NAME}` from the environment and `${file:/path}` from a file, inside the strings of pgproxy.yaml.

`$${` stands for a `${` that is meant. What was put in is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pgproxy.config.problems import ProblemList, nearest
from pgproxy.config.yaml_nodes import ListNode, MappingNode, Node, TextNode, substituted

_REFERENCE = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<inside>[^{}]*)(?P<end>\})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def substitute(node: Node, folder: Path, environment: Mapping[str, str], problems: ProblemList) -> Node:
    """The same nodes with every reference replaced; a missing one is a problem that names it."""
    match node:
        case TextNode():
            return _in_text(node, folder, environment, problems)
        case ListNode():
            return ListNode(node.at, tuple(substitute(item, folder, environment, problems) for item in node.items))
        case MappingNode():
            entries = ((key, substitute(value, folder, environment, problems)) for key, value in node.entries)
            return MappingNode(node.at, tuple(entries))


def _in_text(node: TextNode, folder: Path, environment: Mapping[str, str], problems: ProblemList) -> TextNode:
    if "${" not in node.text:
        return node

    before = len(problems)

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "${"
        inside = match["inside"]
        if not match["end"]:
            problems.error(node.at, "${ without its }", "write $${ for a ${ that is meant")
        elif inside.startswith("file:"):
            return _file(inside.removeprefix("file:"))
        elif not _NAME.fullmatch(inside):
            problems.error(node.at, f"${{{inside}}} is no name", "write ${NAME} or ${file:/path}")
        elif inside not in environment:
            problems.error(node.at, f"the environment has no {inside}", nearest(inside, environment))
        else:
            return environment[inside]
        return ""

    def _file(name: str) -> str:
        path = folder / name
        try:
            # The newline that editors end a file with is no part of a password.
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            problems.error(node.at, f"file {path} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            problems.error(node.at, f"file {path} is not UTF-8")
        return ""

    text = _REFERENCE.sub(value, node.text)
    return substituted(node, text, is_missing=len(problems) > before)
