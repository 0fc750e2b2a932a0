"""Settings of the access room."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Seconds


@dataclass(frozen=True)
class AccessSettings:
    """How current the tokens in memory are, and what is noted about their use."""

    refresh: Seconds = setting("A revoked token stops working within this time.", Seconds(1.0), check=positive)
    note_use_every: Seconds = setting(
        "How often the time of a token's last use is written down.", Seconds(60.0), check=positive
    )
