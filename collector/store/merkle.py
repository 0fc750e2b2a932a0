"""Merkle trees of RFC 6962, section 2.1: one hash that stands for a list of entries and their order."""

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the hashes of entries."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


class Tree:
    """A tree that grows: keeps the roots of the complete subtrees, one for each bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add the hash of one more entry."""
        bits = self.size
        while bits & 1:
            leaf = node_hash(self._complete.pop(), leaf)
            bits >>= 1
        self._complete.append(leaf)
        self.size += 1

    def copy(self) -> "Tree":
        """Return an independent copy."""
        tree = Tree()
        tree.size, tree._complete = self.size, list(self._complete)
        return tree

    def root(self) -> bytes:
        """Return the root of what was added so far."""
        if not self._complete:
            return EMPTY_ROOT
        root = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            root = node_hash(left, root)
        return root
