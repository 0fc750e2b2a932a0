"""Catalogue files: YAML to a :class:`Catalogue`, every mistake with its line and column, all of a file at once."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar, cast

from watchbook.catalogue.lookup import name_key
from watchbook.catalogue.model import KINDS, Catalogue, Entry, Group, Kind, Listing
from watchbook.configfile import ConfigError, Node, Problem, load
from watchbook.event import CATEGORIES, FIELD_BY_NAME, OUTCOMES

ValueT = TypeVar("ValueT")

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP: Final = ("catalogue", "title", "description", "profiles", "lists")
_LIST: Final = ("kind", "groups_in", "groups")
#: What an entry may say, and a group for all entries that do not.
_MEANING: Final = ("action", "category", "outcome", "reason", "hidden")
_GROUP: Final = ("name", "description", "aliases", "applies_to", "entries", *_MEANING)
_ENTRY: Final = ("name", "description", "canonical", "aliases", *_MEANING)
_NAME_CHARS_MAX: Final = 200
_NO_TEXTS: Final[tuple[str, ...]] = ()
_NO_NODES: Final[list[Node]] = []


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue that a file holds; raises ConfigError with everything that is wrong in it."""
    return _Reader().catalogue(load(path))


def load_catalogues(folders: Sequence[Path]) -> tuple[Catalogue, ...]:
    """Return the catalogues of the ``*.yaml`` files of folders, by name.

    One of a later folder stands in the place of one with the same name in an earlier folder.  Raises ConfigError with
    all that is wrong in all of them, and when a folder is none.
    """
    problems: list[Problem] = []
    found: dict[str, Catalogue] = {}
    for folder in folders:
        if not folder.is_dir():
            problems.append(Problem(str(folder), 1, 1, "is no folder of catalogues; create it, or name another"))
            continue
        here: dict[str, Catalogue] = {}
        for path in sorted(folder.glob("*.yaml")):
            try:
                catalogue = load_catalogue(path)
            except ConfigError as error:
                problems.extend(error.problems)
                continue
            if catalogue.name in here:
                text = f"the catalogue '{catalogue.name}' is also in {here[catalogue.name].path}; rename one"
                problems.append(Problem(str(path), 1, 1, text))
            here[catalogue.name] = catalogue
        found |= here
    if problems:
        raise ConfigError(problems)
    return tuple(found[name] for name in sorted(found))


class _Reader:
    """Reads one file, collecting its mistakes."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def catalogue(self, root: Node) -> Catalogue:
        parts = self._mapping(root, _TOP)
        for name in ("catalogue", "lists"):
            if name not in parts:
                self._problems.append(root.problem(f"the option '{name}' is missing; add it"))
        name = self._part(parts, "catalogue", _name, "")
        made = Catalogue(
            name=name,
            title=self._part(parts, "title", Node.text, name),
            description=self._part(parts, "description", Node.text, ""),
            profiles=self._part(parts, "profiles", _texts, _NO_TEXTS),
            lists=self._part(parts, "lists", self._lists, ()),
            path=root.path,
        )
        if self._problems:
            raise ConfigError(self._problems)
        return made

    def _part(self, parts: Mapping[str, Node], name: str, read: Callable[[Node], ValueT], default: ValueT) -> ValueT:
        return self._try(read, parts[name], default) if name in parts else default

    def _try(self, read: Callable[[Node], ValueT], node: Node, default: ValueT) -> ValueT:
        try:
            return read(node)
        except ConfigError as error:
            self._problems.extend(error.problems)
            return default

    def _mapping(self, node: Node, known: Collection[str]) -> dict[str, Node]:
        """Return the options of a mapping that are known; the others are mistakes."""
        parts: dict[str, Node] = {}
        for name, key, value in node.items():
            if name in known:
                parts[name] = value
            else:
                self._problems.append(key.problem(f"there is no such option{_meant(name, known)}"))
        return parts

    def _lists(self, node: Node) -> tuple[Listing, ...]:
        lists: dict[Kind, Listing] = {}
        for item in node.sequence():
            listing = self._try(self._list, item, None)
            if listing is None:
                continue
            if listing.kind in lists:
                self._problems.append(item.problem(f"the kind '{listing.kind}' has a list already; join them"))
            lists[listing.kind] = listing
        return tuple(lists.values())

    def _list(self, node: Node) -> Listing | None:
        parts = self._mapping(node, _LIST)
        for name in ("kind", "groups"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; a list has a kind and groups")
        kind = self._part(parts, "kind", lambda inner: cast(Kind, _choice(inner, KINDS)), None)
        if kind is None:
            return None
        groups: dict[str, Group] = {}
        for item in self._part(parts, "groups", Node.sequence, _NO_NODES):
            group = self._try(lambda inner: self._group(kind, inner), item, None)
            if group is None:
                continue
            if group.name in groups:
                self._problems.append(item.problem(f"the group '{group.name}' is there already; join them"))
            groups[group.name] = group
        groups_in = self._part(parts, "groups_in", lambda inner: tuple(map(_field, _items(inner))), _NO_TEXTS)
        return Listing(kind, tuple(groups.values()), groups_in)

    def _group(self, kind: Kind, node: Node) -> Group:
        parts = self._mapping(node, _GROUP)
        for name in ("name", "entries"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; a group has a name and entries")
        name = self._part(parts, "name", _entry_name, "")
        meaning = self._meaning(parts)
        applies_to = self._part(parts, "applies_to", _texts, _NO_TEXTS)
        seen: dict[str, Node] = {}
        entries = []
        for item in self._part(parts, "entries", Node.sequence, _NO_NODES):
            entry = self._try(lambda inner: self._entry(kind, name, meaning, applies_to, inner), item, None)
            if entry is not None:
                entries.append(entry)
                self._note_names(entry, item, seen)
        aliases = self._part(parts, "aliases", _names, _NO_TEXTS)
        return Group(kind, name, self._part(parts, "description", Node.text, None), aliases, tuple(entries))

    def _entry(
        self, kind: Kind, group: str, of_group: Mapping[str, object], applies_to: tuple[str, ...], node: Node
    ) -> Entry:
        if not node.is_mapping:
            return Entry(kind, group, _entry_name(node), applies_to=applies_to, **of_group)  # type: ignore[arg-type]
        parts = self._mapping(node, _ENTRY)
        if "name" not in parts:
            raise node.error("the option 'name' is missing; add the name as the source writes it")
        return Entry(
            kind,
            group,
            _entry_name(parts["name"]),
            description=self._part(parts, "description", Node.text, None),
            canonical=self._part(parts, "canonical", Node.text, None),
            aliases=self._part(parts, "aliases", _names, _NO_TEXTS),
            applies_to=applies_to,
            **{**of_group, **self._meaning(parts)},  # type: ignore[arg-type]
        )

    def _meaning(self, parts: Mapping[str, Node]) -> dict[str, object]:
        """Return what is said of the options :data:`_MEANING`."""
        read: Mapping[str, Callable[[Node], object]] = {
            "action": _action,
            "category": lambda node: _choice(node, sorted(CATEGORIES)),
            "outcome": lambda node: _choice(node, sorted(OUTCOMES)),
            "reason": Node.text,
            "hidden": lambda node: _choice(node, ("true", "false")) == "true",
        }
        return {name: self._part(parts, name, read[name], None) for name in _MEANING if name in parts}

    def _note_names(self, entry: Entry, node: Node, seen: dict[str, Node]) -> None:
        """Refuse a name or alias that the group has already: nobody could say which entry is meant."""
        for name in (entry.name, *entry.aliases):
            key = name_key(name)
            if key in seen and seen[key] is not node:
                self._problems.append(node.problem(f"{name!r} is in this group already, on line {seen[key].line}"))
            seen.setdefault(key, node)


def _name(node: Node) -> str:
    name = node.text()
    if not _NAME.fullmatch(name):
        raise node.error(f"expected a name of small letters, digits, '_', '.' and '-', found {name!r}")
    return name


def _entry_name(node: Node) -> str:
    name = node.text("a name")
    if not name.strip() or len(name) > _NAME_CHARS_MAX:
        raise node.error(f"expected a name of 1 to {_NAME_CHARS_MAX} characters, found {node.described()}")
    if "*" in name[:-1] or not name_key(name).strip("*"):
        raise node.error(f"expected a name with words in it and a '*' at its end at most, found {name!r}")
    return name


def _names(node: Node) -> tuple[str, ...]:
    return tuple(map(_entry_name, _items(node)))


def _action(node: Node) -> str:
    text = node.text("a verb")
    if not _ACTION.fullmatch(text):
        raise node.error(f"expected a verb of small letters such as 'create', found {text!r}")
    return text


def _field(node: Node) -> str:
    name = node.text("an event field")
    if name not in FIELD_BY_NAME and not name.startswith("details."):
        raise node.error(f"there is no such event field{_meant(name, (*FIELD_BY_NAME, 'details.NAME'))}")
    return name


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(item.text() for item in _items(node))


def _items(node: Node) -> list[Node]:
    return node.sequence() if node.is_sequence else [node]


def _choice(node: Node, choices: Collection[str]) -> str:
    expected = f"one of {', '.join(choices)}"
    text = node.text(expected)
    if text not in choices:
        close = difflib.get_close_matches(text, choices, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise node.error(f"expected {expected}, found {text!r}{hint}")
    return text


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}"
