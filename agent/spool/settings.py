"""Settings of the spool."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes


@dataclass(frozen=True)
class SpoolSettings:
    """Limits of the spool."""

    bytes_max: Bytes = setting(
        "Above this much unsent data the agent stops reading: the log files themselves are the buffer.",
        Bytes(1 << 30),
        check=positive,
    )
    reserve_bytes: Bytes = setting(
        "Space kept on the disk of 'state' by which a spool that has filled it gets out of that; 0 for none.",
        Bytes(8 << 20),
    )
    memory_bytes_max: Bytes = setting(
        "How much unsent data is kept in memory too; the rest is read back from the spool.",
        Bytes(1 << 20),
        check=positive,
    )
