"""What reads a profile file: it goes on after a mistake, so that all of them are named at once."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from agent.profile.options import suggestion
from agent.profile.paths import Path, parse_path
from watchbook.configfile import ConfigError, Node, Problem

ValueT = TypeVar("ValueT")

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Collector:
    """Collects the mistakes of a file, and its paths with where they stand."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.paths: list[tuple[str, Node]] = []

    def part(self, parts: Mapping[str, Node], name: str, read: Callable[[Node], ValueT], default: ValueT) -> ValueT:
        """Return what an option says; the default when it is not there, or wrong."""
        return self.attempt(read, parts[name], default) if name in parts else default

    def attempt(self, read: Callable[[Node], ValueT], node: Node, default: ValueT) -> ValueT:
        """Return what a node says; the default when it is wrong."""
        try:
            return read(node)
        except ConfigError as error:
            self.problems.extend(error.problems)
            return default

    def each(self, read: Callable[[Node], ValueT], node: Node) -> tuple[ValueT, ...]:
        """Return what the items of a list say, as far as they are right; raises ConfigError when it is no list."""
        found: list[ValueT] = []
        for item in node.sequence():
            try:
                found.append(read(item))
            except ConfigError as error:
                self.problems.extend(error.problems)
        return tuple(found)

    def mapping(self, node: Node, known: Collection[str]) -> dict[str, Node]:
        """Return the options of a mapping that are known; the others are mistakes."""
        parts: dict[str, Node] = {}
        for name, key, value in node.items():
            if name in known:
                parts[name] = value
            else:
                self.problems.append(key.problem(f"there is no such option{suggestion(name, known)}"))
        return parts

    def path(self, node: Node) -> str:
        """Return a path of the line; raises ConfigError."""
        return self.named_path(node.text("a path"), node)

    def named_path(self, text: str, node: Node) -> str:
        """Return a path of the line that stands in a node, or is its key; raises ConfigError."""
        checked_path(text, node)
        self.paths.append((text, node))
        return text

    def path_list(self, node: Node) -> tuple[str, ...]:
        """Return a path or a list of them; raises ConfigError."""
        items = node.sequence() if node.is_sequence else [node]
        if not items:
            raise node.error("expected a path or a list of paths, found an empty list")
        return tuple(self.path(item) for item in items)


def checked_path(text: str, node: Node) -> Path:
    """Return a path taken apart; raises ConfigError."""
    try:
        return parse_path(text)
    except ValueError as error:
        raise node.error(str(error)) from error


def name_of(node: Node) -> str:
    """Return a name as profiles, patterns and kinds have them; raises ConfigError."""
    name = node.text()
    if not NAME.fullmatch(name):
        raise node.error(f"expected a name of small letters, digits, '_', '.' and '-', found {name!r}")
    return name
