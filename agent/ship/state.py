"""How shipping goes, for people."""

from dataclasses import dataclass, field


@dataclass
class CollectorState:
    """How one collector does: ``in_use``, and since the start its ``last_error`` and when (microseconds), its
    ``last_success``, and the ``batches`` it took."""

    url: str
    in_use: bool = False
    last_error: str | None = None
    last_error_time: int | None = None
    last_success: int | None = None
    batches: int = 0


@dataclass
class ShipState:
    """How shipping goes, for people: ``state`` is starting, sending, idle, retrying or paused."""

    state: str = "starting"
    last_error: str | None = None
    last_success: int | None = None
    batches: int = 0
    events: int = 0
    repeats: int = 0
    retries: int = 0
    rejected: int = 0
    halved: int = 0
    renewals: int = 0
    changes: int = 0
    collectors: list[CollectorState] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
