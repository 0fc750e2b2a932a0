"""The profiles of a folder, each read when it is first asked for, without its samples.

An agent needs few of the profiles that come with it; reading all of them, with all their samples, takes seconds of a
processor and more memory than the agent otherwise has.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.profile.definition import Definition
from agent.profile.reading import read_profile
from watchbook.configfile import ConfigError, Problem, parse

#: The samples of a profile, up to the next option or the end.
_SAMPLES: Final = re.compile(r"^samples:.*?(?=^[^\s#-]|\Z)", re.MULTILINE | re.DOTALL)


class ProfileFolder(Mapping[str, Definition]):
    """The profiles of a folder by name, which is that of the file; ``own`` ones come before them.

    Asking for one that is wrong raises ConfigError with all that is wrong in it.
    """

    def __init__(self, folder: Path, own: Mapping[str, Definition]) -> None:
        self._folder = folder
        self._paths = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
        self._own = own
        self._read: dict[str, Definition] = {}

    def with_own(self, profiles: Mapping[str, Definition]) -> "ProfileFolder":
        """Return the same with more of a user's own profiles before them all."""
        return ProfileFolder(self._folder, {**self._own, **profiles})

    def forget(self) -> None:
        """Let go of what was read; it is read again when it is asked for."""
        self._read.clear()

    def __getitem__(self, name: str) -> Definition:
        if name in self._own:
            return self._own[name]
        if name not in self._read:
            self._read[name] = _read(self._paths[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._own, *self._paths)))

    def __len__(self) -> int:
        return len(self._own.keys() | self._paths.keys())


def _read(path: Path) -> Definition:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), 1, 1, f"cannot be read: {error}")]) from error
    # As many lines stay as there were, so that mistakes behind the samples are named with their place.
    found = read_profile(parse(_SAMPLES.sub(lambda found: "\n" * found[0].count("\n"), text), str(path)))
    if found.name != path.stem:
        text = f"the profile '{found.name}' is in a file of another name; call the file {found.name}.yaml"
        raise found.node.error(text)
    return found
