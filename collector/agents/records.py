"""What is known of an agent: its record, and the heartbeat that it sends.  Pure.

The heartbeat is JSON.  Members that are not known are ignored, so that a newer agent can say more.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from collector.problem import ApiProblem

NAME_CHARS_MAX: Final = 100
_NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
#: A total: whichever sign a counter of a later version may have.
Total = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
Text = Annotated[str, msgspec.Meta(max_length=255)]
Sentence = Annotated[str, msgspec.Meta(max_length=1000)]
Age = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Backlog(msgspec.Struct, omit_defaults=True):
    """What an agent has read and not sent; ages in seconds, by the agent's own clock."""

    batches: Count = 0
    events: Count = 0
    bytes: Count = 0
    oldest_age_s: Age | None = None


class Lag(msgspec.Struct, omit_defaults=True):
    """What an agent has not read yet of its files: in all, and of the file that is worst."""

    bytes: Count = 0
    worst_bytes: Count = 0
    worst_file: Annotated[str, msgspec.Meta(max_length=4096)] | None = None


class Heartbeat(msgspec.Struct, omit_defaults=True):
    """How an agent says that it goes.  ``counters``: totals by input, whichever the agent keeps."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    host: Text | None = None
    version: Text | None = None
    stream: Text | None = None
    started: Text | None = None
    interval_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 30.0
    sending: Text | None = None
    paused: Sentence | None = None
    stopping: bool = False
    backlog: Backlog = msgspec.field(default_factory=Backlog)
    lag: Lag = msgspec.field(default_factory=Lag)
    counters: dict[str, dict[str, Total]] = msgspec.field(default_factory=dict)
    problems: Annotated[list[Sentence], msgspec.Meta(max_length=50)] = msgspec.field(default_factory=list)

    def total(self, counter: str) -> int:
        """Return a counter's sum over the inputs, as far as JSON can write it."""
        found = sum(counters.get(counter, 0) for counters in self.counters.values())
        return min(max(found, 0), 2**62)


@dataclass
class Agent:
    """An agent; times are microseconds since the epoch.  ``enrolled`` None: seen under the plain token ``token``."""

    id: str
    name: str
    former: list[str] = field(default_factory=list)
    token: str | None = None
    host: str | None = None
    version: str | None = None
    enrolled: int | None = None
    enrolment: int | None = None
    last_seen: int | None = None
    heartbeat_at: int | None = None
    heartbeat: Heartbeat | None = None
    silent_since: int | None = None
    revoked: int | None = None

    @property
    def is_let_in(self) -> bool:
        """Whether it was enrolled and not revoked since."""
        return self.enrolled is not None and self.revoked is None


def check_name(name: str) -> str:
    """Return the name of an agent; raises ApiProblem 422 unless it is 1 to 100 printable characters."""
    if not _NAME.fullmatch(name):
        detail = f"expected a name of 1 to {NAME_CHARS_MAX} printable characters for the agent, found {name[:120]!r}"
        raise ApiProblem(422, "agent-name", detail)
    return name
