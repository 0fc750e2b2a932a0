"""Settings of the lifecycle room: how long events are kept, and what is kept of them afterwards."""

from dataclasses import dataclass
from typing import Final

from watchbook.clock import SECOND_US
from watchbook.configfile import positive, setting
from watchbook.event import CATEGORIES, FIELD_BY_NAME
from watchbook.units import Seconds, parse_duration

FOREVER: Final = "forever"
NEVER: Final = "never"


def _keep(text: str) -> str | None:
    return _duration_or(text, FOREVER)


def _archive_after(text: str) -> str | None:
    return _duration_or(text, NEVER)


def _duration_or(text: str, word: str) -> str | None:
    try:
        return None if text == word or parse_duration(text) > 0 else f"more than no time, or '{word}'"
    except ValueError:
        return f"a number and a unit such as 30d or 52w, or '{word}'"


def _category(value: str | None) -> str | None:
    return None if value is None or value in CATEGORIES else f"one of {', '.join(sorted(CATEGORIES))}"


def _rollup_fields(fields: tuple[str, ...]) -> str | None:
    wrong = [name for name in fields if name not in FIELD_BY_NAME or FIELD_BY_NAME[name].kind != "text"]
    return "names of fields that hold texts, such as action or actor.id" if wrong else None


@dataclass(frozen=True)
class ScopeSettings:
    """How long some of the events are kept; without 'org' those of every organization, and so for 'category'."""

    org: str | None = setting("The organization, as events name it.", None)
    category: str | None = setting("The category.", None, check=_category)
    keep: str = setting(
        "How long, by the time of the event: a duration such as 90d, or 'forever'.", "365d", check=_keep
    )
    archive_after: str = setting(
        "From what age they may lie as Parquet: slower to search, smaller. A duration, or 'never'.",
        "30d",
        check=_archive_after,
    )


@dataclass(frozen=True)
class HoldSettings:
    """A legal hold: nothing of it is deleted, whatever its age, as long as the hold stands."""

    name: str = setting("What it is called in reports, for instance the number of the case.")
    org: str | None = setting("Only events of this organization.", None)
    category: str | None = setting("Only events of this category.", None, check=_category)


@dataclass(frozen=True)
class LifecycleSettings:
    """How long events are kept, in which form, and what is kept of them for ever."""

    keep: str = setting(
        "How long events are kept that no scope speaks of, by the time of the event: a duration, or 'forever'.",
        "365d",
        check=_keep,
    )
    archive_after: str = setting(
        "From what age events that no scope speaks of lie as Parquet: a duration, or 'never'.",
        "30d",
        check=_archive_after,
    )
    scopes: tuple[ScopeSettings, ...] = setting("Other times for some events; the first that fits counts.", ())
    holds: tuple[HoldSettings, ...] = setting(
        "Legal holds. More can be set while the collector runs: watchbook collector hold.", ()
    )
    every: Seconds = setting("How often the collector looks whether something is due.", Seconds(3600.0), check=positive)
    rollup_fields: tuple[str, ...] = setting(
        "Fields whose values are counted by the hour; the counts outlive the events.",
        ("action", "actor.type", "category", "module", "org", "outcome", "resource.type"),
        check=_rollup_fields,
    )
    rollup_values_max: int = setting(
        "Values of a field that are counted by themselves in a segment's hour; the rarest beyond are counted together.",
        1000,
        check=positive,
    )


def duration_us(text: str) -> int | None:
    """Return the microseconds of a checked duration, None for 'forever' and 'never'."""
    return None if text in (FOREVER, NEVER) else int(parse_duration(text) * SECOND_US)
