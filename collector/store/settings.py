"""Settings of the store."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds
from watchbook.wire import EVENTS_MAX


@dataclass(frozen=True)
class StoreSettings:
    """Limits of the block store."""

    segment_events_max: int = setting(
        "A segment file is closed and the next begun at this many events.", 1_000_000, check=positive
    )
    waiting_batches_max: int = setting(
        "Batches that may wait for the writer; above it senders get 503 and keep their data.", 256, check=positive
    )
    group_batches_max: int = setting("Most batches that one commit takes together.", 64, check=positive)
    free_bytes_min: Bytes = setting(
        "Free space that the disk must keep; below it senders get 503 and keep their data.", Bytes(64 << 20)
    )
    idempotency_window: Seconds = setting(
        "How long an Idempotency-Key of POST /v1/events is remembered.", Seconds(86400.0), check=positive
    )
    idempotency_keys_max: int = setting(
        "Idempotency-Keys that are remembered at most; the oldest are forgotten first.", 1_000_000, check=positive
    )
    journal_bytes_max: Bytes = setting(
        "The newest segment's journal is folded into its file above this size, also while it is read.",
        Bytes(32 << 20),
        check=positive,
    )
    open_segments_max: int = setting("Segment files that a process keeps open for reading.", 64, check=positive)
    directory_blocks_max: int = setting(
        "Blocks whose place and span a process remembers, 48 bytes each; others are looked up again.",
        2_000_000,
        check=positive,
    )
    seal_after: Seconds = setting(
        "How long a finished segment stays as it came before it is sealed; 'watchbook collector seal' does not wait.",
        Seconds(0.0),
    )
    sealed_block_events: int = setting(
        "Events in a block of a sealed segment.", 256, check=lambda n: None if 1 <= n <= EVENTS_MAX else "1 to 4096"
    )
    sealed_level: int = setting(
        "How hard sealed blocks are compressed (zstd level): higher is smaller and slower.",
        9,
        check=lambda n: None if 1 <= n <= 19 else "1 to 19",
    )
    sealed_dictionary: Bytes = setting(
        "Size of what the blocks of a sealed segment have in common, kept once for all of them; 0: nothing is.",
        Bytes(16 << 10),
    )
    seal_events_at_once: int = setting(
        "Events that are held in memory at once while a segment is sealed, about 1 KiB each.",
        65_536,
        check=positive,
    )
    checkpoint_every: Seconds = setting(
        "The newest events are covered by a signed checkpoint at the latest after this.", Seconds(10.0), check=positive
    )
