"""The settings of the rules."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Seconds


@dataclass(frozen=True)
class DetectSettings:
    """The limits of what the rules remember."""

    lateness: Seconds = setting(
        "How much later than newer events of its group an event may arrive and still be counted exactly.",
        Seconds(120.0),
        check=lambda value: None if value >= 0 else "a duration",
    )
    state_events_max: int = setting(
        "How many events the windows of all rules remember together; beyond it the group that was quiet longest is "
        "forgotten, and counted.",
        1_000_000,
        check=positive,
    )
    window_events_max: int = setting(
        "How many events the window of one group remembers; beyond it the oldest are forgotten, and counted "
        "(a rule with a higher threshold remembers as many as it needs).",
        1_000,
        check=positive,
    )
