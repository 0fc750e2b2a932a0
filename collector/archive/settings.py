"""Settings of the archive room."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes


def _level(value: int) -> str | None:
    return None if 1 <= value <= 22 else "a zstd level from 1 to 22"


@dataclass(frozen=True)
class ArchiveSettings:
    """How archived segments are written and read."""

    memory_limit: Bytes = setting(
        "Most memory that DuckDB takes for one archive; what does not fit is put aside on disk.",
        Bytes(512 << 20),
        check=positive,
    )
    row_group_events: int = setting(
        "Events of one row group: what is read or passed over as one piece.", 122_880, check=positive
    )
    row_group_bytes: Bytes = setting(
        "A row group ends at this size too, so that huge events do not fill the memory.",
        Bytes(128 << 20),
        check=positive,
    )
    compression_level: int = setting(
        "How hard an archive is compressed (zstd level): higher is smaller and slower.", 3, check=_level
    )
