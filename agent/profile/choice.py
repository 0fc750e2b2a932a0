"""Which lines are of a profile, and which of its patterns fits a line."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.profile.plan import Plans


class Variant(NamedTuple):
    """A pattern at work: the value it looks at, its regular expression, its groups, and the plans of its lines."""

    of: str
    regex: re.Pattern[str]
    groups: tuple[str, ...]
    plans: Plans


class Choice:
    """Chooses the plans for a line.  ``only`` are the plans of every line when there is nothing to choose."""

    def __init__(
        self, profile: str, match: Mapping[str, frozenset[str]], plans: Plans, variants: Sequence[Variant]
    ) -> None:
        self._profile = profile
        self._match = tuple(match.items())
        self._plans = plans
        self._variants = tuple(variants)
        self.only = None if match or variants else plans

    def choose(self, line: dict[str, Any]) -> Plans:
        """Return the plans for a line and add the groups of its pattern to it; raises ValueError with the reason."""
        for path, allowed in self._match:
            value = _value_at(line, path)
            if value.__class__ is not str or value not in allowed:
                expected = " or ".join(map(repr, sorted(allowed)))
                given = "is missing" if value is None else f"is {value!r}"
                raise ValueError(f"is not of the profile '{self._profile}': '{path}' {given}, expected {expected}")
        if not self._variants:
            return self._plans
        for of, regex, groups, plans in self._variants:
            text = line.get(of)
            found = regex.fullmatch(text) if text.__class__ is str else None
            if found is not None:
                values = found.groups()
                if None in values:
                    line.update({name: value for name, value in zip(groups, values, strict=True) if value is not None})
                else:
                    line.update(zip(groups, values, strict=True))
                return plans
        looked_at = " or ".join(dict.fromkeys(f"'{variant.of}'" for variant in self._variants))
        raise ValueError(f"fits no pattern of the profile '{self._profile}', which look at {looked_at}")


def _value_at(line: Mapping[str, Any], path: str) -> Any:
    value: Any = line
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return line.get(path) if value is None else value
