"""Tables of the documentation that are made from the code: settings, event fields, the keys of formats."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from socket import gethostname
from typing import Any, Final, NamedTuple

from agent.config import AgentSettings
from agent.parse import FORMATS
from agent.profile import load_profiles
from collector.config import CollectorSettings
from collector.query.fields import ALIASES, NAMES
from collector.query.terms import ACTION_WORDS, OUTCOME_WORDS
from collector.web.operations import operations
from collector.web.vocabulary import FILTERS
from watchbook.configfile import documented_settings
from watchbook.event import FIELDS
from watchbook.shipped import shipped_folder
from watchbook.units import format_duration, format_size, parse_duration, parse_size


class Option(NamedTuple):
    """One option of a configuration file, in words."""

    name: str
    words: str
    default: Any
    doc: str

    @property
    def section(self) -> str:
        """The option that it is part of, "" for one at the top."""
        return self.name.rpartition(".")[0]


def agent_settings() -> str:
    """Return the agent's settings as Markdown, a table for each part of the file."""
    return _settings(AgentSettings)


def collector_settings() -> str:
    """Return the collector's settings as Markdown, a table for each part of the file."""
    return _settings(CollectorSettings)


def event_fields() -> str:
    """Return the fields of an event as a Markdown table."""
    rows = []
    for field in FIELDS:
        values = f" One of {', '.join(f'`{value}`' for value in sorted(field.values))}." if field.values else ""
        rows.append((f"`{field.name}`", field.kind, field.doc + values))
    return table(("field", "holds", "meaning"), rows)


def format_keys() -> str:
    """Return what each format takes a line apart into, as a Markdown table."""
    rows = []
    for name, found in sorted(FORMATS.items()):
        keys = "whatever keys the line has" if found.keys is None else ", ".join(f"`{k}`" for k in sorted(found.keys))
        rows.append((f"`{name}`", keys))
    return table(("format", "values of a line"), rows)


def shipped_profiles() -> str:
    """Return the profiles that come with Watchbook as a Markdown table."""
    profiles = load_profiles(shipped_folder("config") / "profiles")
    rows = [(f"`{name}`", f"`{each.format.name}`", each.description) for name, each in sorted(profiles.items())]
    return table(("profile", "format", "what it is for"), rows)


def query_names() -> str:
    """Return the short names of the query language as a Markdown table."""
    named = {name: ALIASES[name] for name in NAMES if name in ALIASES}
    return table(("name", "stands for"), [(f"`{name}`", f"`{field}`") for name, field in sorted(named.items())])


def query_words() -> str:
    """Return the other words for values as a Markdown table: one row a value."""
    rows = []
    for field, words in (("outcome", OUTCOME_WORDS), ("action", ACTION_WORDS)):
        for value in sorted(set(words.values())):
            others = [f"`{word}`" for word, meant in words.items() if meant == value]
            rows.append((f"`{field}:{value}`", ", ".join(others)))
    return table(("value", "other words for it"), rows)


def routes() -> str:
    """Return the operations of the API as a Markdown table."""
    rows = [(f"`{method} {path}`", described["summary"]) for (method, path), described in operations().items()]
    return table(("route", "what it does"), rows)


def filter_parameters() -> str:
    """Return the parameters that filter events as a Markdown table."""
    return table(
        ("parameter", "meaning"), [(f"`{each.name}`", each.doc.partition(" Repeat it")[0]) for each in FILTERS]
    )


def options_of(settings: type) -> list[Option]:
    """Return every option of a settings dataclass."""
    return [Option(*found) for found in documented_settings(settings)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def default_in_words(option: Option) -> str:
    """Return an option's default as one writes it in the file."""
    default, words = option.default, option.words
    if default is MISSING:
        return "**required**"
    if default is gethostname:
        return "the host's name"
    if default in (None, (), dict):
        return "none"
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{_written(words, default)}`"


#: Name in a page -> what makes the table.
TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "agent settings": agent_settings,
    "collector settings": collector_settings,
    "event fields": event_fields,
    "format keys": format_keys,
    "profiles": shipped_profiles,
    "query names": query_names,
    "query words": query_words,
    "routes": routes,
    "filter parameters": filter_parameters,
}


def _settings(settings: type) -> str:
    options = options_of(settings)
    parts = {option.name: option for option in options if _is_part(option, options)}
    top = [option for option in options if not option.section]
    return "".join([_options_table(top, parts), *_sections(options, parts)])


def _sections(options: Sequence[Option], parts: Mapping[str, Option]) -> Iterator[str]:
    for name, part in parts.items():
        section = name + ("[]" if part.words.startswith("list") else "")
        yield f"\n### `{section}`\n\n{part.doc}\n\n"
        yield _options_table([option for option in options if option.section == section], parts)


def _is_part(option: Option, options: Sequence[Option]) -> bool:
    return any(other.section in (option.name, f"{option.name}[]") for other in options)


def _options_table(options: Sequence[Option], parts: Mapping[str, Option]) -> str:
    rows = []
    for option in options:
        words = option.words.replace(" | ", " or ").replace("list of mapping", "list")
        doc = option.doc.replace("*", r"\*")
        if is_dataclass(option.default):
            rows.append((f"`{option.name}`", words, "see below", doc))
        else:
            below = " See below." if option.name in parts else ""
            rows.append((f"`{option.name}`", words, default_in_words(option), doc + below))
    return table(("option", "value", "default", "what it is for"), rows)


def _written(words: str, default: Any) -> str:
    if words == "duration":
        text = format_duration(default)
        assert parse_duration(text) == default
        return text
    if words == "size":
        text = format_size(default)
        assert parse_size(text) == default
        return text
    return str(default).lower() if isinstance(default, bool) else str(default)
