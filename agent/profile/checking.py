"""What only the formats at hand can tell of a profile: whether its paths and groups can ever be found in a line."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from agent.profile.definition import Definition, FormatChoice, Part
from agent.profile.options import suggestion
from agent.profile.paths import parse_path
from agent.records import OptionError
from watchbook.configfile import ConfigError, Node, Problem


class LineFormat(Protocol):
    """A way to take a line apart; see :class:`agent.parse.Format`."""

    @property
    def keys(self) -> frozenset[str] | None:
        """All the keys a line can have; None when it brings its own."""
        ...

    @property
    def objects(self) -> frozenset[str]:
        """Those of the keys under which objects stand."""
        ...

    @property
    def decode(self) -> Callable[[bytes], dict[str, Any]]:
        """Decode a line in order; raises for any other."""
        ...

    @property
    def decode_leniently(self) -> Callable[[bytes], tuple[dict[str, Any], bool]]:
        """Repair and decode; returns the values and whether characters were replaced; raises ValueError."""
        ...

    @property
    def decoder_of(self) -> Callable[[Any], Any] | None:
        """Make a decoder for lines of a msgspec type; None when the format is no JSON."""
        ...

    @property
    def read(self) -> Callable[[str], dict[str, Any]] | None:
        """Take a text apart; raises ValueError.  None when ``decode`` is the only way."""
        ...

    @property
    def make(self) -> "Callable[[Mapping[str, Any]], LineFormat] | None":
        """Make the format for options, which must be called even for none; raises OptionError.  None: it has none."""
        ...


def made_format(choice: FormatChoice, formats: Mapping[str, LineFormat]) -> LineFormat:
    """Return the format that a profile asks for; raises ConfigError."""
    found = formats.get(choice.name)
    if found is None:
        text = f"there is no format {choice.name!r}{suggestion(choice.name, sorted(formats))}"
        raise choice.node.error(text)
    if found.make is not None:
        try:
            return found.make(choice.options)
        except OptionError as error:
            where = choice.nodes.get(error.option)
            raise (choice.node.error(str(error)) if where is None else where.error(error.reason)) from error
    for name, node in choice.nodes.items():
        raise node.error(f"the format '{choice.name}' has no options; remove '{name}'")
    return found


def check_definition(definition: Definition, line_format: LineFormat) -> None:
    """Raise ConfigError with every path and group that does not fit the lines of a format."""
    problems = [*_wrong_paths(definition, line_format), *_wrong_groups(definition, line_format.keys)]
    if problems:
        raise ConfigError(problems)


def groups_of(part: Part | None) -> tuple[str, ...]:
    """Return the names of a pattern's groups."""
    return () if part is None or part.regex is None else tuple(re.compile(part.regex).groupindex)


def _wrong_paths(definition: Definition, line_format: LineFormat) -> Iterator[Problem]:
    """Yield the paths that lines of a format with fixed keys can never have."""
    if line_format.keys is None or definition.each or definition.lift:
        return
    groups = {group for part in (*definition.patterns, *definition.cases) for group in groups_of(part)}
    known = {*line_format.keys, *groups}
    objects = {*line_format.objects, *(str(parse_path(path).steps[0]) for path in definition.decode)}
    for path, node in definition.path_nodes:
        yield from _wrong_path(definition.format.name, path, node, known, objects)


def _wrong_path(
    name: str, path: str, node: Node, known: Collection[str], objects: Collection[str]
) -> Iterator[Problem]:
    first, *below = parse_path(path).steps
    if path in known:
        return
    if first not in known:
        yield node.problem(f"lines of the format '{name}' have no {path!r}{suggestion(path, sorted(known))}")
    elif below and first not in objects:
        yield node.problem(f"lines of the format '{name}' have a text under '{first}', no object; name it in 'decode'")


def _wrong_groups(definition: Definition, keys: frozenset[str] | None) -> Iterator[Problem]:
    for part in (*definition.patterns, *definition.cases):
        if part.regex is None:
            continue
        regex = re.compile(part.regex)
        if regex.groups != len(regex.groupindex):
            yield part.node.problem("every group needs a name: write (?P<name>…), or (?:…) for none")
        for group in regex.groupindex:
            if keys is not None and group in keys:
                yield part.node.problem(f"the group '{group}' would hide a value of the format; give it another name")
