"""Which lines are of a profile, which of its patterns fits a line, and which of its cases it is."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from agent.profile.conditions import Condition, Loaded, expression_of, missed
from agent.profile.dispatch import NONE, Dispatch, Test
from agent.profile.paths import Link, Step, finder_of_all, getter, parse_path, scalar_text
from agent.profile.plan import Plans, TextRows
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
    """Chooses the plans for a line.  ``only`` are the plans of every line when there is nothing to choose.

    ``choose`` returns the plans for a line, and adds to it what its pattern and its case find in it; ``variants``
    returns the places of the two.  ``redact`` is applied to what is decoded.  Both raise ValueError with the reason
    when the line is not of the profile or fits no pattern, NotAnEventError when it is of an optional kind that is
    switched off.
    """

    def __init__(self, profile: str, steps: Steps, keys: Keys, make_plans: Callable[[int, int], Plans]) -> None:
        self._profile = profile
        self._steps = steps
        self._keys = keys
        self._make_plans = make_plans
        self._plans: dict[tuple[int, int], Plans] = {}
        self.only = None if steps.is_needed else self.plans(NONE, NONE)
        self.choose: Callable[..., Plans] = self._function(
            "plans.get((pattern, case)) or make_plans(pattern, case)", {"plans": self._plans, "make_plans": self.plans}
        )
        self.variants: Callable[..., tuple[int, int]] = self._function("(pattern, case)", {})
        #: Makes the row of a line that has but patterns to be asked (where that is so), and does what ``choose`` does.
        self.row_of = self._row_maker()

    @property
    def is_of(self) -> Test | None:
        """Tell whether a line is of the profile; None when every line is."""
        return None if self._steps.match is None else self._steps.match[1]

    def plans(self, pattern: int, case: int) -> Plans:
        """Return the plans of the lines of a pattern and a case."""
        found = self._plans.get((pattern, case))
        if found is None:
            found = self._plans[pattern, case] = self._make_plans(pattern, case)
        return found

    def _function(self, result: str, objects: dict[str, Any]) -> Callable[..., Any]:
        """Return the function that takes a line through the steps there are: asking for the others takes longer."""
        steps, code = self._steps, []
        objects |= {"scalar_text": scalar_text, "lift": lift, "decode_text": _decode}
        for number, (keys, find, decode) in enumerate(steps.lifts):
            objects |= {f"lifted_{number}": find, f"read_{number}": decode}
            asked = " or ".join(f"{key!r} in d" for key in dict.fromkeys(keys)) or "True"
            code += [f"if {asked}:", f"    lift(d, lifted_{number}, read_{number}, redact)"]
        if steps.match is not None:
            loads, expression = _asking(steps.match[0], self._keys, objects)
            objects["refuse"] = self._refuse
            code += [*loads, f"if not ({expression}):", "    refuse(d)"]
        code.append(f"pattern = {NONE if steps.patterns is None else 'find_pattern(d)'}")
        objects["find_pattern"] = None if steps.patterns is None else steps.patterns.find
        if steps.patterns is not None and not (steps.decodings or steps.dropped or steps.cases):
            code += [f"if pattern != {NONE}:", f"    case = {NONE}", f"    return {result}"]
        for number, (find, decode) in enumerate(steps.decodings):
            objects |= {f"texts_{number}": find, f"decode_{number}": decode}
            code += [
                f"for text, chain in texts_{number}(d):",
                f"    decode_text(text, chain[-1], decode_{number}, redact)",
            ]
        for number, (name, test) in enumerate(steps.dropped):
            objects |= {f"is_dropped_{number}": test}
            code += [f"if is_dropped_{number}(d):", f"    raise NotAnEventError({name!r})"]
        objects |= {"NotAnEventError": NotAnEventError, "refuse_unfit": self._refuse_unfit}
        if steps.patterns is not None and not steps.keeps_unmatched:
            code += [f"if pattern == {NONE}:", "    refuse_unfit()"]
        if steps.cases is None:
            code.append(f"case = {NONE}")
        else:
            objects |= {
                "find_case": steps.cases.find,
                "dropped_cases": steps.dropped_cases,
                "cases": steps.cases.variants,
            }
            code.append("case = find_case(d)")
            if steps.dropped_cases:
                code += ["if case in dropped_cases:", "    raise NotAnEventError(cases[case].name)"]
        code.append(f"return {result}")
        source = "\n".join(["def find(d, redact=None):", *(f"    {line}" for line in code), ""])
        exec(compile(source, f"<choosing for {self._profile}>", "exec"), objects)  # noqa: S102 - values only by repr()
        made: Callable[..., Any] = objects["find"]
        return made

    def _row_maker(self) -> Callable[[Line, int], tuple[Any, ...]] | None:
        steps, patterns = self._steps, self._steps.patterns
        if patterns is None or steps.lifts or steps.decodings or steps.dropped or steps.cases:
            return None
        if any(variant.regex is None for variant in patterns.variants):
            return None
        rows = [TextRows(partial(self.plans, place, NONE), each.regex) for place, each in enumerate(patterns.variants)]
        objects: dict[str, Any] = {"refuse": self._refuse, "refuse_unfit": self._refuse_unfit}
        before: list[str] = []
        if steps.match is not None:
            loads, expression = _asking(steps.match[0], self._keys, objects)
            before = [*loads, f"if not ({expression}):", "    refuse(d)"]
        otherwise = "refuse_unfit()"
        if steps.keeps_unmatched:
            otherwise = "return unmatched[tuple(d)](d, (), read_us)"
            objects["unmatched"] = TextRows(partial(self.plans, NONE, NONE), None)
        return patterns.row_maker(rows, before, otherwise, objects)

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

    def _refuse(self, line: Line) -> None:
        assert self._steps.match is not None
        reason = missed(self._steps.match[0], lambda path: line_getter(path, self._keys)(line))
        raise ValueError(f"is not of the profile '{self._profile}': {reason}")

    def _refuse_unfit(self) -> None:
        raise ValueError(f"fits no pattern of the profile '{self._profile}', which look at {self._steps.looked_at}")


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
    loads, expression = _asking(condition, keys, objects)
    source = "\n".join(["def test(d):", *(f"    {load}" for load in loads), f"    return {expression}", ""])
    exec(compile(source, "<a condition of a profile>", "exec"), objects)  # noqa: S102 - values only by repr()
    test: Test = objects["test"]
    return test


def _asking(condition: Condition, keys: Keys, objects: dict[str, Any]) -> tuple[list[str], str]:
    """Return the statements that load what a condition asks for of a line ``d``, and its expression."""
    loads: list[str] = []
    names: dict[str, str] = {}

    def load(path: str) -> Loaded:
        if path not in names:
            names[path] = name = f"v{len(names)}"
            parsed = parse_path(path)
            if keys.is_loose or not parsed.is_plain:
                objects[f"get_{name}"] = line_finder(path, keys) if parsed.has_every else line_getter(path, keys)
                loads.append(f"{name} = get_{name}(d)")
            elif parsed.joined == 1:
                loads.extend(_loading(name, parsed.steps))
            else:  # one key with dots in it comes first
                loads.append(f"{name} = d.get({'.'.join(map(str, parsed.steps[: parsed.joined]))!r})")
                loads.extend(_loading(name, parsed.steps[parsed.joined :], name))
                loads.append(f"if {name} is None:")
                loads.extend(f"    {statement}" for statement in _loading(name, parsed.steps))
        return Loaded(names[path], False, f"{names[path]} is not None")

    expression = expression_of(condition, load, objects, remembers=False)  # of whole lines, mostly
    return loads, expression


def _loading(name: str, steps: Sequence[Step], start: str = "d") -> Iterator[str]:
    """Yield the statements that load what keys lead to from an object."""
    for step in steps:
        checked = "" if start == "d" else f" if {start}.__class__ is dict else None"
        yield f"{name} = {start}.get({step!r}){checked}"
        start = name


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
