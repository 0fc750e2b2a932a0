"""Configuration files: YAML bound to typed settings, with every mistake named as ``file:line:column``.

A room's settings are a frozen dataclass whose fields are made with :func:`setting`; :func:`bind` fills it from a
:class:`Node` of the file.  The type of the field decides how a scalar is read, so that YAML's own guesses (``no`` as
False, ``22:22`` as 1342, ``1.10`` as 1.1) never come in.  All mistakes of a file are collected and raised together.
A type with a class method ``from_node`` reads its own :class:`Node`, and says in ``WORDS`` what it holds.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast

from watchbook.units import Bytes, Seconds, parse_duration, parse_size

#: Exit code of a program that refuses to start because of its configuration (sysexits.h).
EX_CONFIG: Final = 78

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True)
class Problem:
    """One mistake in a file: its place, what is wrong, and what to do next."""

    path: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.text}"


class ConfigError(Exception):
    """Everything that is wrong with a configuration, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column))
        super().__init__("\n".join(map(str, self.problems)))

    def report(self) -> str:
        """Return what a program says that is not started because of it."""
        mistakes = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        return f"{self}\nwatchbook: {mistakes} in the configuration; nothing was started"


class _Mark(NamedTuple):
    """A place in a file, both from 0."""

    line: int
    column: int


class _Place(NamedTuple):
    """What is left of a YAML node in another process: where it stood, for mistakes that are found there."""

    start_mark: _Mark
    id: str = "place"


@dataclass(frozen=True)
class Node:
    """A value in a YAML file that knows where it stands.  ``option`` is its dotted path: ``inputs[0].files``."""

    path: str
    option: str
    yaml: Any  # a yaml.Node, told by its ``id``: yaml itself is imported only where it is read

    def __reduce__(self) -> tuple[Any, ...]:
        return Node, (self.path, self.option, _Place(_Mark(self.line - 1, self.column - 1)))

    @property
    def line(self) -> int:
        """The line, from 1."""
        return cast(int, self.yaml.start_mark.line) + 1

    @property
    def column(self) -> int:
        """The column, from 1."""
        return cast(int, self.yaml.start_mark.column) + 1

    def problem(self, text: str) -> Problem:
        """Return a problem at this place."""
        name = f"'{self.option}': " if self.option else ""
        return Problem(self.path, self.line, self.column, f"{name}{text}")

    def error(self, text: str) -> ConfigError:
        """Return the error of a single problem at this place."""
        return ConfigError([self.problem(text)])

    @property
    def is_mapping(self) -> bool:
        """Whether this is a mapping."""
        return bool(self.yaml.id == "mapping")

    @property
    def is_sequence(self) -> bool:
        """Whether this is a list."""
        return bool(self.yaml.id == "sequence")

    @property
    def is_null(self) -> bool:
        """Whether this is a plain empty value, ``null`` or ``~``."""
        return self.yaml.id == "scalar" and not self.yaml.style and self.yaml.value in ("", "null", "~")

    @property
    def _is_scalar(self) -> bool:
        return bool(self.yaml.id == "scalar")

    def items(self) -> Iterator[tuple[str, "Node", "Node"]]:
        """Yield (key, node of the key, node of the value) of a mapping; raises ConfigError on anything else."""
        if not self.is_mapping:
            raise self.error(f"expected a mapping of options, found {self.described()}")
        for key, value in self.yaml.value:
            name = str(key.value)
            option = f"{self.option}.{name}" if self.option else name
            yield name, Node(self.path, option, key), Node(self.path, option, value)

    def mapping(self) -> dict[str, "Node"]:
        """Return the values of a mapping by key; raises ConfigError on anything else."""
        return {name: value for name, _, value in self.items()}

    def sequence(self) -> list["Node"]:
        """Return the items of a list; raises ConfigError on anything else."""
        if not self.is_sequence:
            raise self.error(f"expected a list, found {self.described()}")
        return [Node(self.path, f"{self.option}[{index}]", item) for index, item in enumerate(self.yaml.value)]

    def text(self, expected: str = "a text") -> str:
        """Return a scalar as it is written; raises ConfigError, saying what was ``expected``, on anything else."""
        if not self._is_scalar or self.is_null:
            raise self.error(f"expected {expected}, found {self.described()}")
        return str(self.yaml.value)

    def described(self) -> str:
        """Return words for what stands here, for messages."""
        if self.is_mapping:
            return "a mapping"
        if self.is_sequence:
            return "a list"
        return "nothing" if self.is_null else repr(str(self.yaml.value))

    def plain(self) -> Any:
        """Return the value with YAML 1.2's core types: texts, numbers, true and false, null, lists, mappings."""
        if self.is_mapping:
            return {name: value.plain() for name, _, value in self.items()}
        if self.is_sequence:
            return [item.plain() for item in self.sequence()]
        if self.is_null:
            return None
        text = str(self.yaml.value)
        return text if self.yaml.style else _plain_scalar(text)


def load(path: Path) -> Node:
    """Return the root of a YAML file; raises ConfigError when it cannot be read, is no YAML or repeats a key."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"is not UTF-8: {error.reason} at byte {error.start}")]) from error


def parse(text: str, path: str) -> Node:
    """Return the root of a YAML text; ``path`` is the name that errors show."""
    try:
        return _parse(text, path)
    except RecursionError as error:
        raise ConfigError([Problem(path, 1, 1, "nests too deeply, or an anchor holds itself")]) from error


def _parse(text: str, path: str) -> Node:
    import yaml  # 0.7 MB, which a program that is handed its configuration does without

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError([Problem(path, line, column, f"is no YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([Problem(path, 1, 1, f"is no YAML: {error}")]) from error
    if root is None:
        root = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark(path, 0, 0, 0, None, 0))
    node = Node(path, "", root)
    problems = list(_repeated_keys(node))
    if problems:
        raise ConfigError(problems)
    return node


def setting(
    doc: str,
    default: Any = MISSING,
    *,
    default_factory: Any = MISSING,
    check: Callable[[Any], str | None] | None = None,
) -> Any:
    """Declare a field of a settings dataclass: what it is for, its default, and a check of its own.

    ``check`` takes the value and returns what was expected when it is wrong, None when it is right.
    """
    metadata = {"doc": doc, "check": check}
    if default_factory is not MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    if default is not MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def positive(value: float) -> str | None:
    """Check a number: it must be above zero."""
    return None if value > 0 else "a value above zero"


def bind(node: Node, settings_type: type[SettingsT]) -> SettingsT:
    """Return the settings that a mapping gives; raises ConfigError with everything that is wrong in it."""
    problems: list[Problem] = []
    settings = _bind_dataclass(node, settings_type, problems)
    if problems:
        raise ConfigError(problems)
    return cast(SettingsT, settings)


def documented_settings(settings_type: type, prefix: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """Yield (dotted option, type in words, default or MISSING, doc) of a settings dataclass and those within it."""
    hints = typing.get_type_hints(settings_type)
    for field in dataclasses.fields(settings_type):
        kind = hints[field.name]
        option = f"{prefix}{field.name}"
        default = field.default if field.default is not MISSING else field.default_factory
        inner, suffix = _inner_dataclass(kind)
        yield option, _type_words(kind), default, field.metadata.get("doc", "")
        if inner is not None:
            yield from documented_settings(inner, f"{option}{suffix}.")


def _inner_dataclass(kind: Any) -> tuple[type | None, str]:
    if hasattr(kind, "from_node"):
        return None, ""
    if dataclasses.is_dataclass(kind):
        return cast(type, kind), ""
    for argument in typing.get_args(kind):
        if dataclasses.is_dataclass(argument):
            return cast(type, argument), "[]" if typing.get_origin(kind) is tuple else ""
    return None, ""


def _repeated_keys(node: Node) -> Iterator[Problem]:
    if node.is_mapping:
        seen: dict[str, int] = {}
        for name, key, value in node.items():
            if name in seen:
                yield key.problem(f"is given twice, first on line {seen[name]}; keep one of them")
            seen[name] = key.line
            yield from _repeated_keys(value)
    elif node.is_sequence:
        for item in node.sequence():
            yield from _repeated_keys(item)


def _bind_dataclass(node: Node, settings_type: Any, problems: list[Problem]) -> Any:
    hints = typing.get_type_hints(settings_type)
    fields = {field.name: field for field in dataclasses.fields(settings_type)}
    values: dict[str, Any] = {}
    try:
        items = [] if node.is_null else list(node.items())
    except ConfigError as error:
        problems.extend(error.problems)
        return None
    before = len(problems)
    for name, key, value in items:
        if name not in fields:
            problems.append(key.problem(f"there is no such option{_suggestion(name, fields)}"))
        elif not (value.is_null and fields[name].default is None):
            values[name] = _bind_value(value, hints[name], problems, fields[name].metadata.get("check"))
    given = {name for name, _, _ in items}
    for name, field in fields.items():
        required = field.default is MISSING and field.default_factory is MISSING
        if required and name not in given:
            doc = field.metadata.get("doc", "")
            problems.append(node.problem(f"the option '{name}' is missing; add it: {doc}"))
    return settings_type(**values) if len(problems) == before else None


def _suggestion(name: str, known: Mapping[str, Any]) -> str:
    import difflib  # only for mistakes

    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(sorted(known))}"


def _bind_value(
    node: Node, kind: Any, problems: list[Problem], check: Callable[[Any], str | None] | None = None
) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _bind_value(node, _alternative(node, arguments), problems, check)
    before = len(problems)
    try:
        if hasattr(kind, "from_node"):
            value: Any = kind.from_node(node)
        elif dataclasses.is_dataclass(kind):
            return _bind_dataclass(node, kind, problems)
        elif origin in (tuple, list):
            value = tuple(_bind_value(item, arguments[0], problems) for item in node.sequence())
        elif origin in (dict, Mapping):
            value = {name: _bind_value(item, arguments[1], problems) for name, _, item in node.items()}
        else:
            value = _bind_scalar(node, kind, arguments if origin is Literal else ())
    except ConfigError as error:
        problems.extend(error.problems)
        return None
    expected = check(value) if check and len(problems) == before else None
    if expected:
        problems.append(node.problem(f"expected {expected}, found {node.described()}"))
    return value


def _alternative(node: Node, alternatives: Sequence[Any]) -> Any:
    """Return the type that a value is meant to have: a list where that is one of them and the value is a list."""
    kinds = [kind for kind in alternatives if kind is not type(None)]
    if node.is_sequence:
        return next((kind for kind in kinds if typing.get_origin(kind) in (tuple, list)), kinds[0])
    return kinds[0]


_BOOLEANS: Final = {"true": True, "false": False}


def _bind_scalar(node: Node, kind: Any, choices: Sequence[Any]) -> Any:
    if choices:
        expected = f"one of {', '.join(map(str, choices))}"
        text = node.text(expected)
        if text not in choices:
            raise node.error(f"expected {expected}, found {text!r}")
        return text
    expected, read = _SCALARS[kind]
    text = node.text(expected)
    try:
        return read(text)
    except (ValueError, KeyError) as error:
        reason = f" ({error})" if kind in (Seconds, Bytes) else ""
        raise node.error(f"expected {expected}, found {text!r}{reason}") from error


_SCALARS: Final[dict[Any, tuple[str, Callable[[str], Any]]]] = {
    str: ("a text", str),
    Path: ("a path", Path),
    bool: ("true or false", _BOOLEANS.__getitem__),
    int: ("a whole number", int),
    float: ("a number", float),
    Seconds: ("a duration", parse_duration),
    Bytes: ("a size", parse_size),
}


def _type_words(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if hasattr(kind, "from_node"):
        return str(kind.WORDS)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type_words(argument) for argument in arguments if argument is not type(None))
    if origin in (tuple, list):
        return f"list of {_type_words(arguments[0])}"
    if origin in (dict, Mapping):
        return f"mapping to {_type_words(arguments[1])}"
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if dataclasses.is_dataclass(kind):
        return "mapping"
    return _SCALARS[kind][0].removeprefix("a ")


def _plain_scalar(text: str) -> Any:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    for number in (int, float):
        try:
            if not text.startswith("+") and "_" not in text and text.lower() not in ("nan", "inf", "infinity", "-inf"):
                return number(text)
        except ValueError:
            continue
    return text
