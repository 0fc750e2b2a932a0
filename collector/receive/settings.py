"""Settings of receiving."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Bytes


@dataclass(frozen=True)
class ReceiveSettings:
    """Limits of what senders may send."""

    body_bytes_max: Bytes = setting("Largest request body.", Bytes(16 << 20), check=positive)
    batch_bytes_max: Bytes = setting("Largest batch after decompression.", Bytes(64 << 20), check=positive)
    post_events_max: int = setting(
        "Most events in one POST /v1/events.", 4096, check=lambda n: None if 0 < n <= 4096 else "1 to 4096"
    )
    event_depth_max: int = setting("How deep the JSON of one event may nest.", 64, check=positive)
