"""What ``watchbook verify`` says: findings, each about one place, and what was looked at."""

from typing import Literal

import msgspec

Kind = Literal["changed", "vanished", "moved", "cut_off", "unreadable", "unsigned", "unfinished"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that is not as it was written.

    ``changed``: other content; ``vanished``: it was there; ``moved``: it stands where it did not; ``cut_off``: the end
    is missing; ``unreadable``: damaged so that it cannot be read; ``unsigned``: nothing vouches for it;
    ``unfinished``: a crash cut work off that the next start of the collector ends.  ``first_number`` and
    ``last_number`` are the arrival numbers of the events it is about, ``tmin`` and ``tmax`` their times (microseconds),
    where these are known; ``row`` and ``rows`` name a block of a sealed segment.
    """

    kind: Kind
    place: str
    text: str
    first_number: int | None = None
    last_number: int | None = None
    row: int | None = None
    rows: int | None = None
    tmin: int | None = None
    tmax: int | None = None


class SegmentReport(msgspec.Struct):
    """What was looked at of one segment: ``events`` that it should hold, ``intact`` of them as they were written."""

    name: str
    tier: str
    events: int
    intact: int = 0
    checked: bool = True


class Report(msgspec.Struct):
    """All of it.  ``covered_to`` is the number of the last event under a signed checkpoint, ``last_number`` the last.

    ``entries`` counts those of the ledger, ``exported`` the events of an export that were compared.
    """

    key: str = ""
    key_from_folder: bool = False
    segments: list[SegmentReport] = []
    findings: list[Finding] = []
    entries: int = 0
    covered_to: int = 0
    last_number: int = 0
    exported: int = 0

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings
