"""The settings of the rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchbook.configfile import positive, setting
from watchbook.units import Seconds

#: Stored batches that are kept decoded for the rules; those beyond are read from their file again.
RECENT_BLOCKS_MAX: Final = 128


@dataclass(frozen=True)
class DetectSettings:
    """The limits of what the rules remember."""

    waiting_blocks_max: int = setting(
        "With more stored batches than this not yet read by the rules, senders are answered at the pace of the rules: "
        "what waits longer has to be read from the files again, and alerts come later.",
        48,
        check=lambda n: None if 0 < n <= RECENT_BLOCKS_MAX // 2 else f"1 to {RECENT_BLOCKS_MAX // 2}",
    )
    waiting_time: Seconds = setting(
        "How long one request of a sender waits for the rules at most; then its events are taken all the same.",
        Seconds(0.5),
    )
    lateness: Seconds = setting(
        "How much later than newer events of its group an event may arrive and still be counted exactly.",
        Seconds(120.0),
        check=lambda value: None if value >= 0 else "a duration",
    )
    silence_remembered: Seconds = setting(
        "How long after its last event a group that is silent is given up, and its alert ended; a rule may say "
        "otherwise in 'watchbook.absence.remember', and those it names in 'expected' are never given up.",
        Seconds(7 * 86_400.0),
        check=positive,
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
    lists: Mapping[str, tuple[str, ...]] = setting(
        "Lists for the placeholders of rules (`field|expand: '%Administrators%'`), by name; `*` in a value is a "
        "wildcard, and a value such as @/etc/watchbook/admins.txt stands for the lines of that file.",
        default_factory=dict,
    )
    profiles: tuple[Path, ...] = setting(
        "Profiles of your own, or folders of them, whose `logsource` rules may ask for.", ()
    )
    aliases: tuple[Path, ...] = setting(
        "Field aliases of your own, or folders of them: where the fields that rules of other products name lie.", ()
    )
    runaway_share: float = setting(
        "A rule that takes more than this share of a core for 'runaway_time' is set aside, until the rules are read "
        "again or it is enabled.",
        0.5,
        check=lambda share: None if 0 < share <= 1 else "a number above 0, up to 1",
    )
    runaway_time: Seconds = setting("Over what time the cost of a rule is looked at.", Seconds(60.0), check=positive)
    runaway_event_us: float = setting(
        "A rule that costs less than this many microseconds an event is not set aside, however many events there are.",
        20.0,
        check=lambda cost: None if cost >= 0 else "a number of microseconds",
    )
    costs_max: int = setting("How many rules, the dearest first, /metrics shows the cost of.", 20, check=positive)
