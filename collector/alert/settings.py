"""The settings of alerts."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Seconds


@dataclass(frozen=True)
class AlertSettings:
    """Alerts, silences and exceptions."""

    evidence_max: int = setting(
        "How many event ids an alert keeps (its first ones); it counts beyond.", 100, check=positive
    )
    public_url: str | None = setting(
        "The address under which people reach the collector, for links to alerts; without it links are paths.", None
    )
    look_every: Seconds = setting(
        "How often it is looked whether a silence or an exception begins, ends soon or is over.",
        Seconds(1.0),
        check=positive,
    )
    silences_max: int = setting("How many silences there may be that are not over.", 1000, check=positive)
    silence_time_max: Seconds = setting("How far ahead a silence may end.", Seconds(90 * 86_400.0), check=positive)
    silence_warning: Seconds = setting(
        "How long before its end a silence is announced to end (a short one after half of its time).",
        Seconds(900.0),
        check=positive,
    )
    exceptions_max: int = setting("How many exceptions there may be that are not over.", 1000, check=positive)
    exception_time_max: Seconds = setting(
        "How far ahead an exception may end.", Seconds(366 * 86_400.0), check=positive
    )
