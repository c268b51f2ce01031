"""The server's analysed tree: one strict reader, what a tree names, and whether two mean the same."""

from pgproxy.statements.tree.comparing import are_equal
from pgproxy.statements.tree.reached import reached
from pgproxy.statements.tree.reader import Node, read_stored, read_tree, unfolded

__all__ = ["Node", "are_equal", "reached", "read_stored", "read_tree", "unfolded"]
