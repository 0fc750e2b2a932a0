"""The tests of a rule as a file: events, and the alerts that must come of them.

``rules/tests/NAME.yml`` stands beside ``rules/NAME.yml``::

    rule: failure_spike
    samples:                                   # events as a source's profile makes them, nested or flat
      refused: {profile: okta, event: {actor: {type: user, id: bob}, action: login, outcome: failure}}
    defaults: {actor.type: user, action: login}
    tests:
      - name: ten refused logins
        rows: [28]                             # rows of the acceptance checklist that it shows
        events:
          - {sample: refused, repeat: 10, every: 30s}
          - {actor.id: bob, outcome: success, at: 5m}
        expect: [{group: {actor.id: bob}, count: 10}]

An entry of ``events`` is a sample with some fields changed, or the ``defaults`` with some more; null takes a field
away.  ``repeat`` and ``every`` write it several times, ``at`` is the time from the start.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchbook.configfile import ConfigError, Node, Problem, load
from watchbook.event import FIELD_NAMES, REQUIRED, flatten
from watchbook.units import parse_duration

_SUITE: Final = ("rule", "defaults", "samples", "tests")
_CASE: Final = ("name", "rows", "events", "expect")
_ENTRY: Final = ("sample", "repeat", "every", "at")
_EXPECT: Final = ("group", "count")
_SAMPLE: Final = ("profile", "event")
#: Most times that one entry is written.
REPEAT_MAX: Final = 100_000


@dataclass(frozen=True)
class Expected:
    """One alert that must come: the values of its group, and how many events it counts."""

    group: Mapping[str, Any]
    count: int


@dataclass(frozen=True)
class Case:
    """One test: flat events in order of their ``time`` (microseconds from the start), and the alerts expected."""

    name: str
    events: tuple[Mapping[str, Any], ...]
    expect: tuple[Expected, ...]
    rows: tuple[int, ...]
    place: str

    def events_from(self, start: int) -> list[dict[str, Any]]:
        """Return the events with times from ``start`` on, microseconds since the epoch."""
        return [{**event, "time": start + event["time"]} for event in self.events]


@dataclass(frozen=True)
class Suite:
    """The tests of the rule with this name.  ``samples``: the flat events that they name, with ``origin.profile``."""

    rule: str
    samples: Mapping[str, Mapping[str, Any]]
    cases: tuple[Case, ...]


def read_suite(path: Path) -> Suite:
    """Return the tests of a file; raises ConfigError with everything that is wrong in it."""
    root = load(path)
    problems: list[Problem] = []
    options = _options(root, _SUITE, problems)
    defaults = _event(options["defaults"], problems) if "defaults" in options else {}
    given = _options(options["samples"], None, problems) if "samples" in options else {}
    samples = {name: _sample(node, problems) for name, node in given.items()}
    rule = _required(root, options, "rule", problems)
    tests = _required(root, options, "tests", problems)
    name = _text(rule, problems)
    cases = tuple(_case(node, defaults, samples, problems) for node in _items(tests, problems))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return Suite(name, samples, cases)


def _case(
    node: Node, defaults: Mapping[str, Any], samples: Mapping[str, Mapping[str, Any]], problems: list[Problem]
) -> Case:
    options = _options(node, _CASE, problems)
    name = _required(node, options, "name", problems)
    events, expect = (_required(node, options, key, problems) for key in ("events", "expect"))
    made: list[dict[str, Any]] = []
    for entry in _items(events, problems):
        made.extend(_entry(entry, defaults, samples, problems))
    rows = tuple(_whole(row, problems) for row in _items(options.get("rows"), problems))
    expected = tuple(_expected(alert, problems) for alert in _items(expect, problems))
    made.sort(key=lambda event: int(event["time"]))
    return Case(_text(name, problems), tuple(made), expected, rows, f"{node.path}:{node.line}")


def _entry(
    node: Node, defaults: Mapping[str, Any], samples: Mapping[str, Mapping[str, Any]], problems: list[Problem]
) -> Iterator[dict[str, Any]]:
    before = len(problems)
    options = _options(node, None, problems)
    own = [name for name in options if name in _ENTRY]
    base = defaults
    if "sample" in own:
        name = _text(options["sample"], problems)
        if name not in samples:
            problems.append(options["sample"].problem(f"there is no sample {name!r}{_hint(name, samples)}"))
            return
        base = samples[name]
    fields = _event(node, problems, leave_out=_ENTRY)
    times = _whole(options["repeat"], problems) if "repeat" in own else 1
    begin, every = (_duration_us(options[key], problems) if key in own else 0 for key in ("at", "every"))
    if times > REPEAT_MAX:
        problems.append(options["repeat"].problem(f"expected at most {REPEAT_MAX:,}, found {times:,}"))
        return
    event = {name: value for name, value in {**base, **fields}.items() if value is not None}
    absent = [name for name in REQUIRED if name != "time" and name not in event]
    if absent and len(problems) == before:
        text = f"the event has no {' and no '.join(map(repr, absent))}, and every event has; say it in 'defaults'"
        problems.append(node.problem(text))
        return
    for index in range(times):
        yield {**event, "time": begin + index * every}


def _sample(node: Node, problems: list[Problem]) -> Mapping[str, Any]:
    options = _options(node, _SAMPLE, problems)
    given = _required(node, options, "event", problems)
    event = _event(given, problems) if given is not None else {}
    if "profile" in options:
        event["origin.profile"] = _text(options["profile"], problems)
    return {name: value for name, value in event.items() if name != "time" and value is not None}


def _event(node: Node, problems: list[Problem], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return a flat event; objects such as ``actor`` may be nested."""
    if not node.is_mapping:
        problems.append(node.problem(f"expected the fields of an event, found {node.described()}"))
        return {}
    event: dict[str, Any] = {}
    for name, key, value in node.items():
        if name in leave_out:
            continue
        plain = value.plain()
        flat = flatten({name: plain}) if plain is not None else {name: None}
        unknown = [field for field in flat if field not in FIELD_NAMES]
        problems += [key.problem(f"no event has the field {each!r}{_hint(each, FIELD_NAMES)}") for each in unknown]
        event.update(flat)
    return event


def _expected(node: Node, problems: list[Problem]) -> Expected:
    options = _options(node, _EXPECT, problems)
    group, count = (_required(node, options, key, problems) for key in _EXPECT)
    values: dict[str, Any] = {}
    if group is not None and group.is_mapping:
        values = group.plain()
    elif group is not None:
        problems.append(group.problem(f"expected the fields of a group and their values, found {group.described()}"))
    return Expected(values, _whole(count, problems, least=0) if count is not None else 0)


def _options(node: Node, known: Sequence[str] | None, problems: list[Problem]) -> dict[str, Node]:
    try:
        items = list(node.items())
    except ConfigError as error:
        problems.extend(error.problems)
        return {}
    for name, key, _ in items:
        if known is not None and name not in known:
            problems.append(key.problem(f"there is no such option{_hint(name, known)}"))
    return {name: value for name, _, value in items}


def _required(node: Node, options: Mapping[str, Node], name: str, problems: list[Problem]) -> Node | None:
    if name not in options and node.is_mapping:
        problems.append(node.problem(f"the option {name!r} is missing"))
    return options.get(name)


def _text(node: Node | None, problems: list[Problem]) -> str:
    try:
        return "" if node is None else node.text()
    except ConfigError as error:
        problems.extend(error.problems)
        return ""


def _items(node: Node | None, problems: list[Problem]) -> list[Node]:
    if node is None:
        return []
    try:
        return node.sequence()
    except ConfigError as error:
        problems.extend(error.problems)
        return []


def _whole(node: Node, problems: list[Problem], least: int = 1) -> int:
    value = node.plain()
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    problems.append(node.problem(f"expected a whole number from {least} on, found {node.described()}"))
    return least


def _duration_us(node: Node, problems: list[Problem]) -> int:
    try:
        return round(parse_duration(node.text("a duration such as 30s")) * 1e6)
    except ConfigError as error:
        problems.extend(error.problems)
    except ValueError as error:
        problems.append(node.problem(f"expected a duration such as 30s, found {node.described()} ({error})"))
    return 0


def _hint(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
