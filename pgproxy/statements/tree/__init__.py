"""The server's analysed tree: one strict reader, and what a tree names."""

from pgproxy.statements.tree.reached import reached
from pgproxy.statements.tree.reader import Node, read_stored, read_tree

__all__ = ["Node", "reached", "read_stored", "read_tree"]
