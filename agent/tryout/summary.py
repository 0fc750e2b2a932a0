"""What became of all lines: by profile, and by reason, rule and flag."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from agent.reasons import countable
from agent.tryout.deciding import Candidate, Verdict
from watchbook.event import FLAG_NO_RESOURCE

UNPARSED: Final = "unparsed"
BLANK: Final = "blank"


class Summary:
    """Counts.  ``lines`` by profile, with UNPARSED and BLANK for the others; ``dropped`` and ``kept`` by rule.

    ``reasons``: why lines stayed unparsed, where a profile was given; ``flags``: of events, what a reader must know.
    """

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.events = 0
        self.reasons: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()

    def add(self, verdicts: Iterable[Verdict], candidates: Sequence[Candidate], read_us: int) -> None:
        """Count what became of some lines."""
        of_profile: dict[int, list[Verdict]] = {}
        for verdict in verdicts:
            name = verdict.winner.name if verdict.winner else BLANK if verdict.is_blank else UNPARSED
            self.lines[name] += 1
            # Only what a single profile says of a line that nobody understands is the reason.
            if len(candidates) == 1:
                self.reasons.update(countable(reason, each)[0] for each, reason in verdict.reasons.items())
            read_by = verdict.winner or (candidates[0] if len(candidates) == 1 else None)
            if read_by is not None:
                of_profile.setdefault(candidates.index(read_by), []).append(verdict)
        for place, own in of_profile.items():
            self._count(candidates[place], own, read_us)

    def _count(self, candidate: Candidate, verdicts: Sequence[Verdict], read_us: int) -> None:
        lines = [verdict.line for verdict in verdicts]
        before = Counter(candidate.counts)
        made = candidate.plain(lines, read_us)
        self.redacted += candidate.counts - before
        if candidate.select is not None:
            made, kept = candidate.select(made, lines, [verdict.offset for verdict in verdicts])
            self.kept.update(kept)
        self.dropped.update(made.dropped)
        self.events += len(made.rows)
        fields = candidate.plain.fields
        if "flags" in fields:
            at = fields.index("flags")
            self.flags.update(flag for row in made.rows for flag in row[at] or () if flag != FLAG_NO_RESOURCE)

    @property
    def n(self) -> int:
        """How many lines there were."""
        return sum(self.lines.values())

    def as_json(self) -> dict[str, Any]:
        """Return the counts, what is zero left out."""
        more = {
            "reasons": self.reasons, "dropped": self.dropped, "kept": self.kept, "redacted": self.redacted,
            "flags": self.flags,
        }  # fmt: skip
        return {"summary": dict(self.lines), "events": self.events} | {k: dict(v) for k, v in more.items() if v}
