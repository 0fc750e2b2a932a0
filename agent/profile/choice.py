"""Which lines are of a profile, which of its patterns fits a line, and which of its cases it is."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from agent.profile.conditions import Condition, Loaded, expression_of, missed
from agent.profile.dispatch import NONE, Dispatch, Test
from agent.profile.paths import Link, finder_of_all, getter, parse_path, scalar_text
from agent.profile.plan import Plans
from agent.profile.splitting import lift
from agent.profile.states import check_depth
from agent.profile.values import Keys
from agent.records import NotAnEventError

Line = dict[str, Any]
Redact = Callable[[Any], Any]


#: What a decoded text may nest; a deeper one leaves its line unparsed.
_DECODED_DEPTH_MAX: Final = 32


class Decoding(NamedTuple):
    """A value that may be a text in some format; then what the text says takes its place."""

    find: Callable[[Line], Any]
    decode: Callable[[str], Line]


class Envelope(NamedTuple):
    """An object, or the text of one, whose members belong to the line.

    A line has it only under one of the ``keys``; without keys it must be looked for.
    """

    keys: tuple[str, ...]
    find: Callable[[Line], Any]
    decode: Callable[[str], Line]


class Steps(NamedTuple):
    """What happens to a line until it is known what it is."""

    lifts: tuple[Envelope, ...] = ()
    match: tuple[Condition, Test] | None = None
    patterns: Dispatch | None = None
    looked_at: str = ""
    keeps_unmatched: bool = False
    decodings: tuple[Decoding, ...] = ()
    #: Optional kinds that are switched off.
    dropped: tuple[tuple[str, Test], ...] = ()
    cases: Dispatch | None = None
    #: Places of the cases that are switched off.
    dropped_cases: frozenset[int] = frozenset()

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to be found out."""
        return any((self.lifts, self.match, self.patterns, self.decodings, self.dropped, self.cases))


class Choice:
    """Chooses the plans for a line.  ``only`` are the plans of every line when there is nothing to choose."""

    def __init__(self, profile: str, steps: Steps, keys: Keys, make_plans: Callable[[int, int], Plans]) -> None:
        self._profile = profile
        self._steps = steps
        self._keys = keys
        self._make_plans = make_plans
        self._plans: dict[tuple[int, int], Plans] = {}
        self._has_more = bool(steps.decodings or steps.dropped or steps.cases)
        self.only = None if steps.is_needed else make_plans(NONE, NONE)

    @property
    def is_of(self) -> Test | None:
        """Tell whether a line is of the profile; None when every line is."""
        return None if self._steps.match is None else self._steps.match[1]

    def choose(self, line: Line, redact: Redact | None = None) -> Plans:
        """Return the plans for a line, and add to it what its pattern and its case find in it.

        ``redact`` is applied to what is decoded.  Raises ValueError with the reason when the line is not of the profile
        or fits no pattern, NotAnEventError when it is of an optional kind that is switched off.
        """
        if self.only is not None:
            return self.only
        found = self.variants(line, redact)
        return self._plans.get(found) or self.plans(*found)

    def plans(self, pattern: int, case: int) -> Plans:
        """Return the plans of the lines of a pattern and a case."""
        found = self._plans.get((pattern, case))
        if found is None:
            found = self._plans[pattern, case] = self._make_plans(pattern, case)
        return found

    def variants(self, line: Line, redact: Redact | None = None) -> tuple[int, int]:
        """Return the places of a line's pattern and case; otherwise as :meth:`choose`."""
        lifts, match, patterns, *_ = steps = self._steps
        for keys, find, decode in lifts:
            if not keys or keys[0] in line or keys[-1] in line:
                lift(line, find, decode, redact)
        if match is not None and not match[1](line):
            raise ValueError(f"is not of the profile '{self._profile}': {self._missed(match[0], line)}")
        pattern = NONE if patterns is None else patterns.find(line)
        if not self._has_more and pattern != NONE:
            return pattern, NONE
        for find, decode in steps.decodings:
            for text, chain in find(line):
                _decode(text, chain[-1], decode, redact)
        for name, test in steps.dropped:
            if test(line):
                raise NotAnEventError(name)
        if pattern == NONE and steps.patterns is not None and not steps.keeps_unmatched:
            raise ValueError(f"fits no pattern of the profile '{self._profile}', which look at {steps.looked_at}")
        case = NONE if steps.cases is None else steps.cases.find(line)
        if case in steps.dropped_cases and steps.cases is not None:
            raise NotAnEventError(steps.cases.variants[case].name)
        return pattern, case

    def names(self, pattern: int, case: int) -> tuple[str | None, str | None]:
        """Return the names of a pattern and a case."""
        steps = self._steps
        return (
            None if pattern == NONE or steps.patterns is None else steps.patterns.variants[pattern].name,
            None if case == NONE or steps.cases is None else steps.cases.variants[case].name,
        )

    def groups(self, pattern: int, case: int) -> dict[str, str]:
        """Return whose groups the names are that a pattern and a case add to a line."""
        steps, found = self._steps, {}
        for dispatch, place, kind in ((steps.patterns, pattern, "pattern"), (steps.cases, case, "case")):
            if dispatch is not None and place != NONE:
                variant = dispatch.variants[place]
                found.update(dict.fromkeys(variant.groups, f"{kind} {variant.name}"))
        return found

    def _missed(self, condition: Condition, line: Line) -> str:
        return missed(condition, lambda path: line_getter(path, self._keys)(line))


def line_getter(path: str, keys: Keys) -> Callable[[Line], Any]:
    """Return what gets the first value at a path of a line."""
    steps, _ = parse_path(path)
    if len(steps) == 1 and not keys.is_loose:
        key = str(steps[0])
        return lambda line: line.get(key)
    return getter(path, keys.find_key if keys.is_loose else None)


def line_finder(path: str, keys: Keys) -> Callable[[Line], Any]:
    """Return what finds all values at a path of a line, with their chains."""

    def find(line: Line) -> list[Any]:
        return [found for value in keys.values(path, line) for found in finder_of_all(*value)(line)]

    if keys.is_loose:
        return find
    steps, joined = parse_path(path)
    return finder_of_all(str(steps[0]), steps[1:]) if joined == 1 else find


def make_test(condition: Condition, keys: Keys) -> Test:
    """Return the function that says whether a condition holds for a line.

    Raises ValueError when it holds for every line, or for none.
    """
    objects: dict[str, Any] = {"scalar_text": scalar_text}
    loads: dict[str, tuple[str, str]] = {}

    def load(path: str) -> Loaded:
        if path not in loads:
            name = f"v{len(loads)}"
            parsed = parse_path(path)
            if len(parsed.steps) == 1 and not keys.is_loose:
                loads[path] = (name, f"d.get({parsed.steps[0]!r})")
            else:
                made = line_finder(path, keys) if parsed.has_every else line_getter(path, keys)
                objects[f"get_{name}"] = made
                loads[path] = (name, f"get_{name}(d)")
        name = loads[path][0]
        return Loaded(name, False, f"{name} is not None")

    expression = expression_of(condition, load, objects)
    # A value that is asked for once is loaded where it is asked for.
    body = [f"    {name} = {loaded}" for name, loaded in loads.values()]
    source = "\n".join(["def test(d):", *body, f"    return {expression}", ""])
    exec(compile(source, "<a condition of a profile>", "exec"), objects)  # noqa: S102 - values only by repr()
    test: Test = objects["test"]
    return test


def _decode(text: Any, link: Link, decode: Callable[[str], Line], redact: Redact | None) -> None:
    if text.__class__ is not str or not text:
        return
    try:
        value = decode(text)
    except (ValueError, RecursionError):
        return
    if value:
        if text.count("{") + text.count("[") > _DECODED_DEPTH_MAX:
            check_depth(value, _DECODED_DEPTH_MAX)
        container, key, _ = link
        container[key] = value if redact is None else redact(value)
