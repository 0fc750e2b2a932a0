"""Settings of listening."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes


@dataclass(frozen=True)
class ListenSettings:
    """Limits of what is received."""

    bytes_max: Bytes = setting(
        "How much may wait to be taken into the spool. Beyond it senders wait, and datagrams are dropped and counted.",
        Bytes(4 << 20),
        check=positive,
    )
