"""Which profile understands a line best, and what it makes of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from agent.profile.explaining import Explained
from agent.records import Normalised, Normaliser
from agent.select import Selection

_UNEXPLAINED: Final = Explained(None, None, {})
Explain = Callable[[bytes, int], Sequence[Explained]]

#: What a profile fills of an event that it leaves out on purpose.
_FILLED_OF_DROPPED: Final = 1


@dataclass(frozen=True)
class Candidate:
    """A profile to try: ``plain`` as the agent runs it, ``keeping`` with the (redacted) line in every event.

    ``explain`` tells where the fields of a line's events come from, given the line and when it was read.

    ``redact`` is what redacts a text that is shown.  ``counts`` are those of the redactor of ``plain``, by rule.
    ``is_specific``: it says itself which lines are its own, so it comes before profiles that take any.  ``is_named``:
    the name of the file is like its own.
    """

    plain: Normaliser
    keeping: Normaliser
    explain: Explain
    redact: Callable[[str], str]
    counts: Counter[str] = field(default_factory=Counter)
    is_specific: bool = False
    is_named: bool = False
    select: Selection | None = None

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.plain.name


class Verdict(NamedTuple):
    """How one line (or record of several) fared.

    ``winner``: the profile that understands it best; None when none does.  ``filled``: how many fields each profile
    that understands it fills.  ``reasons``: why the others do not.  Blank: none of both.
    """

    number: int
    line: bytes
    offset: int | None
    winner: Candidate | None
    filled: Mapping[str, int]
    reasons: Mapping[str, str]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.winner is None and not self.reasons


class TriedEvent(NamedTuple):
    """One event of a line in flat form, where its fields come from, and what became of it.

    ``decided``: the rule that decided over it, and whether it is kept; None when no rule wanted it.
    """

    event: dict[str, Any]
    pattern: str | None
    case: str | None
    origins: Mapping[str, str]
    decided: tuple[str, bool] | None


class Tried(NamedTuple):
    """All there is to know of a verdict: ``raw`` is the redacted line, ``redacted`` counts secrets by rule.

    ``dropped``: the kinds of lines that the profile leaves out, if this is one.
    """

    verdict: Verdict
    raw: str
    events: tuple[TriedEvent, ...]
    dropped: tuple[str, ...]
    redacted: Mapping[str, int]


def decide(
    first: int,
    lines: Sequence[bytes],
    offsets: Sequence[int | None],
    candidates: Sequence[Candidate],
    read_us: int,
    *,
    in_order: bool = False,
) -> list[Verdict]:
    """Return how lines fare that are numbered from ``first`` on; the profile that says most of a line wins.

    Profiles that say which lines are theirs come before others; then it is the number of fields that counts; then the
    name of the file; then the order of the candidates.  ``in_order``: the first that understands a line wins, as in an
    input with several.
    """
    fared = [_fared(candidate, lines, read_us) for candidate in candidates]
    verdicts = []
    for place, line in enumerate(lines):
        filled: dict[str, int] = {}
        reasons: dict[str, str] = {}
        winner: Candidate | None = None
        best = (False, -1, False)
        for candidate, of_lines in zip(candidates, fared, strict=True):
            found = of_lines[place]
            if isinstance(found, str):
                reasons[candidate.name] = found
            elif found:
                filled[candidate.name] = found
                rank = (candidate.is_specific, found, candidate.is_named)
                if winner is None if in_order else rank > best:
                    winner, best = candidate, rank
        verdicts.append(Verdict(first + place, line, offsets[place], winner, filled, reasons))
    return verdicts


def _fared(candidate: Candidate, lines: Sequence[bytes], read_us: int) -> list[int | str]:
    """Return for each line how many fields the profile fills, 0 for a blank one, or why it does not understand it."""
    made, _ = _without_counting(candidate, lines, read_us)
    fared: list[int | str] = [0] * len(lines)
    if made.dropped:
        fared = [_FILLED_OF_DROPPED if line.strip() else 0 for line in lines]
    shared = len(candidate.plain.constants)
    places = range(len(lines)) if made.row_lines is None else made.row_lines
    for place, row in zip(places, made.rows, strict=True):
        count = shared + sum(value is not None for value in row)
        fared[place] = count
    for unparsed in made.unparsed:
        fared[unparsed.line] = unparsed.reason
    return fared


def _without_counting(candidate: Candidate, lines: Sequence[bytes], read_us: int) -> tuple[Normalised, Counter[str]]:
    """Return what a profile makes of lines, and what it redacts in them, which stays uncounted."""
    before = Counter(candidate.counts)
    made = candidate.plain(lines, read_us)
    redacted = candidate.counts - before
    candidate.counts.clear()
    candidate.counts.update(before)
    return made, redacted


def look(verdict: Verdict, candidates: Sequence[Candidate], read_us: int) -> Tried:
    """Return all there is to know of a verdict."""
    candidate = verdict.winner or candidates[0]
    line = verdict.line
    made, redacted = _without_counting(candidate, [line], read_us)
    if verdict.winner is None:
        raw = made.unparsed[0].raw if made.unparsed else ""
        return Tried(verdict, raw, (), (), redacted)
    kept = candidate.keeping([line], read_us)
    raw = candidate.redact(line.decode(errors="replace"))
    if kept.rows:
        raw = kept.rows[0][candidate.keeping.fields.index("raw")]
    decided: list[tuple[str, bool] | None] = [None] * len(made.rows)
    if candidate.select is not None:
        decided = candidate.select.decisions(made.rows, line, verdict.offset)
    explained = [each for each in candidate.explain(line, read_us) if each.reason is None]
    events = []
    for number, (row, rule) in enumerate(zip(made.rows, decided, strict=True)):
        how = explained[number] if number < len(explained) else _UNEXPLAINED
        events.append(TriedEvent(flat_event(candidate.plain, row), how.pattern, how.case, how.origins, rule))
    return Tried(verdict, raw, tuple(events), tuple(made.dropped), redacted)


def flat_event(profile: Normaliser, row: Sequence[Any]) -> dict[str, Any]:
    """Return an event in flat form, without fields that are not there."""
    event = {**profile.constants, **dict(zip(profile.fields, row, strict=True))}
    return {name: value for name, value in event.items() if value is not None}


def first_event(profile: Normaliser, line: bytes, read_us: int) -> dict[str, Any] | None:
    """Return the (first) event of a line in flat form; None when it has none."""
    rows = profile([line], read_us).rows
    return flat_event(profile, rows[0]) if rows else None
