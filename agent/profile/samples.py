"""Runs the samples of a profile: each line must become exactly what the sample says."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agent.profile.compiled import CompiledProfile
from agent.profile.definition import Definition, Sample
from watchbook.configfile import ConfigError
from watchbook.event import nest

#: Makes the normaliser of a profile with some optional kinds switched on.
Compile = Callable[[Definition, tuple[str, ...]], CompiledProfile]


class Outcome(NamedTuple):
    """What became of a sample's line: events (nested, without ``origin``), or a reason, or what it was dropped as."""

    events: list[dict[str, Any]]
    unparsed: list[str]
    dropped: list[str]

    def described(self) -> str:
        """Return it in words."""
        if self.events and len(self.events) == 1:
            return "an event"
        if self.events:
            return f"{len(self.events)} events"
        if self.unparsed:
            return f"unparsed: {self.unparsed[0]}"
        return f"dropped: {self.dropped[0]}" if self.dropped else "nothing: the line is blank"


class Result(NamedTuple):
    """How a sample fared: ``differences`` are lines to show, none when all is as it should be."""

    profile: str
    number: int
    sample: Sample
    outcome: Outcome
    differences: list[str]

    @property
    def title(self) -> str:
        """The sample's number and note."""
        return f"{self.number}{f' ({self.sample.note})' if self.sample.note else ''}"

    @property
    def place(self) -> str:
        """Where the sample stands."""
        return f"{self.sample.node.path}:{self.sample.node.line}"


def run_samples(definition: Definition, compile_profile: Compile) -> list[Result]:
    """Return how each sample of a profile fares; raises ConfigError when the profile cannot be compiled."""
    compiled: dict[tuple[str, ...], CompiledProfile] = {(): compile_profile(definition, ())}
    results = []
    for number, sample in enumerate(definition.samples, 1):
        unknown = [name for name in sample.include if name not in definition.kinds]
        if unknown:
            known = ", ".join(definition.kinds) or "none"
            raise ConfigError([sample.node.problem(f"there is no optional kind '{unknown[0]}'; known here: {known}")])
        if sample.include not in compiled:
            compiled[sample.include] = compile_profile(definition, sample.include)
        outcome = outcome_of(compiled[sample.include], sample)
        results.append(Result(definition.name, number, sample, outcome, differences_of(sample, outcome)))
    return results


def outcome_of(profile: CompiledProfile, sample: Sample) -> Outcome:
    """Return what becomes of a sample's line."""
    made = profile([sample.line.encode()], sample.read_us)
    events = []
    for row in made.rows:
        event = nest({**profile.constants, **dict(zip(profile.fields, row, strict=True))})
        event.pop("origin", None)
        events.append(event)
    return Outcome(events, [line.reason for line in made.unparsed], list(made.dropped))


def differences_of(sample: Sample, outcome: Outcome) -> list[str]:
    """Return what is not as a sample says, as lines to show."""
    if sample.is_draft:
        return ["does not say what becomes of it: add 'event', 'events', 'unparsed' or 'dropped', or use --fill"]
    if sample.unparsed is not None:
        fits = not outcome.events and any(sample.unparsed in reason for reason in outcome.unparsed)
        return [] if fits else [f"expected unparsed: {sample.unparsed}", f"got      {outcome.described()}"]
    if sample.dropped is not None:
        fits = not outcome.events and sample.dropped in outcome.dropped
        return [] if fits else [f"expected dropped: {sample.dropped}", f"got      {outcome.described()}"]
    wanted = sample.events or ()
    if len(wanted) != len(outcome.events):
        return [f"expected {len(wanted)} event{'' if len(wanted) == 1 else 's'}", f"got      {outcome.described()}"]
    lines = []
    for number, (expected, got) in enumerate(zip(wanted, outcome.events, strict=True), 1):
        place = f"event {number}: " if len(wanted) > 1 else ""
        lines += [f"{place}{line}" for line in _event_differences(expected, got)]
    return lines


def _event_differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    left, right = dict(_leaves(expected)), dict(_leaves(got))
    lines = []
    for name in dict.fromkeys((*left, *right)):
        if left.get(name) != right.get(name):
            lines += [
                f"{name}",
                f"    expected {left.get(name, 'nothing')}",
                f"    got      {right.get(name, 'nothing')}",
            ]
    return lines


def _leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Return the scalars, lists and empty objects in an event, as JSON, by their dotted path."""
    if isinstance(value, Mapping) and value:
        found = []
        for name, inner in value.items():
            found += _leaves(inner, f"{path}.{name}" if path else str(name))
        return found
    return [(path, json.dumps(value, ensure_ascii=False, sort_keys=True))]
