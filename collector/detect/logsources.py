"""Which profiles a rule's log source means: what the profiles say of themselves in ``logsource``.

Only the two lines of a profile that matter are read, not the whole of it: there are many, and the agent's language of
profiles is the agent's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from watchbook.configfile import ConfigError, Problem

_KEYS: Final = ("product", "category", "service")
_PROFILE: Final = re.compile(r"^profile:\s*(?:'([^']+)'|\"([^\"]+)\"|([^\s#]+))", re.MULTILINE)
_LOGSOURCE: Final = re.compile(r"^logsource:.*(?:\n(?:[ \t]+.*|[ \t]*#.*|[ \t]*))*", re.MULTILINE)


class LogSource(NamedTuple):
    """A kind of log as Sigma names it, in lower case."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def __str__(self) -> str:
        """Return it as rules write it."""
        return ", ".join(f"{key}: {value}" for key, value in zip(_KEYS, self, strict=True) if value) or "any"

    def takes(self, other: "LogSource") -> bool:
        """Return whether every event of the other log source is one of this."""
        return all(mine is None or mine == theirs for mine, theirs in zip(self, other, strict=True))


def log_source(plain: Any) -> LogSource:
    """Return the log source of a mapping; what is no text in it is left out."""
    found = plain if isinstance(plain, Mapping) else {}
    return LogSource(*(str(found[key]).strip().lower() if found.get(key) not in (None, "") else None for key in _KEYS))


class Profile(NamedTuple):
    """A profile's name and the log sources that it serves."""

    name: str
    sources: tuple[LogSource, ...]


def read_profiles(paths: Iterable[Path]) -> list[Profile]:
    """Return the profiles of files and folders; one of the same name stands in place of an earlier one.

    Raises ConfigError for a folder that is not there, and for a profile whose ``logsource`` is none.
    """
    found: dict[str, Profile] = {}
    problems: list[Problem] = []
    for path in paths:
        if not path.exists():
            problems.append(Problem(str(path), 1, 1, "there is no such file or folder of profiles"))
            continue
        for file in _files(path):
            profile = _read_profile(file, problems)
            if profile is not None:
                found[profile.name] = profile
    if problems:
        raise ConfigError(problems)
    return list(found.values())


def serving(profiles: Sequence[Profile], wanted: LogSource) -> Iterator[Profile]:
    """Yield the profiles that serve a log source."""
    for profile in profiles:
        if any(wanted.takes(source) for source in profile.sources):
            yield profile


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.y*ml")) if path.is_dir() else [path]


def _read_profile(file: Path, problems: list[Problem]) -> Profile | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(file), 1, 1, f"cannot be read: {error}"))
        return None
    named = _PROFILE.search(text)
    if named is None:
        return None
    name = next(filter(None, named.groups()))
    said = _LOGSOURCE.search(text)
    if said is None:
        return Profile(name, ())
    try:
        plain = yaml.safe_load(said.group())["logsource"]
    except (yaml.YAMLError, KeyError, TypeError):
        plain = None
    listed = plain if isinstance(plain, list) else [plain]
    sources = tuple(map(log_source, listed))
    if not all(any(source) for source in sources):
        line = text.count("\n", 0, said.start()) + 1
        text = "expected {product: …, category: …, service: …}, or a list of such, as rules write it"
        problems.append(Problem(str(file), line, 1, f"'logsource': {text}"))
        return None
    return Profile(name, sources)
