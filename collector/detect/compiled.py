"""What is left of a rule file once it was read: plain values, which the cache keeps and rules are made of."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from collector.detect.condition import Condition
from collector.detect.expression import Expression
from collector.detect.extension import Extension
from collector.detect.logsources import LogSource
from collector.finding import RuleBrief
from watchbook.configfile import Problem

#: How the two problems begin that are no mistake of a rule's author: a word to look for.
NEEDS_LIST: Final = "needs list"
CANNOT_MATCH: Final = "can never match here"


class Complaint(NamedTuple):
    """What is wrong, and the dotted option of the document that it is about."""

    option: str
    text: str


class Detection(NamedTuple):
    """A condition on single events, and the log source whose events it is about."""

    expression: Expression
    source: LogSource


class Correlation(NamedTuple):
    """A rule with a condition on the events that other rules match within ``span_us``.

    ``aliases``: a name in ``group_by`` -> rule -> the field of that rule's events which it stands for.
    """

    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    span_us: int
    condition: Condition
    generate: bool
    aliases: Mapping[str, Mapping[str, str]]


class Remark(NamedTuple):
    """Something that is allowed, but hardly meant: its place in the file (from 1) and what it is."""

    line: int
    column: int
    text: str


class Compiled(msgspec.Struct, kw_only=True):
    """One document of a rule file.

    ``expression`` is a detection's or a filter's, as :mod:`collector.detect.encoded` writes it, bound to our events.
    ``places``: where the options stand that can only be judged when all rules are read: (line, column) by dotted name,
    "" for the whole.  ``used``: the raw fields of another product and where they lie.  ``profiles`` are those whose
    events it is about, None for any.  ``applies_to`` are a filter's rules, empty for all.  ``correlation`` is None for
    both.  ``path`` is set when it is loaded.  A ``broken`` document has mistakes and only its names.
    """

    kind: Literal["detection", "correlation", "filter"]
    places: dict[str, tuple[int, int]]
    id: str | None = None
    name: str | None = None
    brief: RuleBrief
    status: str | None = None
    source: LogSource = LogSource()
    expression: list[Any] | None = None
    correlation: Correlation | None = None
    applies_to: tuple[str, ...] = ()
    extension: Extension
    used: dict[str, tuple[str, ...]] = {}
    profiles: tuple[str, ...] | None = None
    remarks: tuple[Remark, ...] = ()
    path: str = ""
    broken: bool = False

    @property
    def names(self) -> Sequence[str]:
        """What other documents may call it."""
        return [name for name in (self.id, self.name) if name]

    @property
    def place(self) -> str:
        """Where it stands: ``rules/failure_spike.yml:3``."""
        return f"{self.path}:{self.places[''][0]}"

    def problem(self, complaint: Complaint) -> Problem:
        """Return a complaint as a problem at its option, or at the document where that is not known."""
        line, column = self.places.get(complaint.option, self.places[""])
        name = f"'{complaint.option}': " if complaint.option else ""
        return Problem(self.path, line, column, f"{name}{complaint.text}")
