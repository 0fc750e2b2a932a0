"""Settings of the tail."""

from dataclasses import dataclass
from typing import Literal

from agent.records import Peel
from agent.tail.multiline import MultilineSettings
from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds


@dataclass(frozen=True)
class TailSettings:
    """Limits of reading files."""

    tick: Seconds = setting(
        "How long the agent gathers after a file changed before it reads: latency against CPU.", Seconds(0.05)
    )
    rescan_interval: Seconds = setting(
        "How often all files are looked at even when no change was reported.", Seconds(2.0), check=positive
    )
    rescan_cpu_max: float = setting(
        "Most of a core that looking at files at rest may take; with very many of them it is done more rarely.",
        0.001,
        check=positive,
    )
    chunk_bytes: Bytes = setting("How much of a file is read in one go.", Bytes(256 << 10), check=positive)
    max_line_bytes: Bytes = setting(
        "A line is cut at this length, marked 'truncated', and the rest of it skipped and counted.",
        Bytes(1 << 20),
        check=positive,
    )
    fingerprint_bytes: Bytes = setting(
        "How much of a file's head tells it from other files.", Bytes(1024), check=positive
    )
    rotated_hold: Seconds = setting(
        "A rotated file is read on until it has not grown for this long; then its last line counts as whole.",
        Seconds(10.0),
    )
    forget_after: Seconds = setting(
        "How long the position in a file that is nowhere to be found is kept, in case it comes back.",
        Seconds(7 * 86400.0),
    )


@dataclass(frozen=True)
class InputFiles:
    """The files of one input: glob patterns, where to begin in files that are there at the very first start, what their
    bytes mean, which lines make one record (None: each its own), and what takes a wrapper off a line (None: they have
    none)."""

    name: str
    patterns: tuple[str, ...]
    read_from: Literal["beginning", "end"] = "beginning"
    encoding: str = "auto"
    multiline: MultilineSettings | None = None
    peel: Peel | None = None
