"""Settings of the HTTP face."""

from dataclasses import dataclass
from pathlib import Path

from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds


def _line_bytes(value: int) -> str | None:
    return None if 1024 <= value <= 1 << 20 else "1KiB to 1MiB"


def _page_events(value: int) -> str | None:
    return None if 1 <= value <= 10_000 else "1 to 10000"


@dataclass(frozen=True)
class ServerTlsSettings:
    """TLS of the HTTP face.  Files that change are taken anew without a restart."""

    cert_file: Path = setting("PEM file of the collector's certificate, followed by those that lead to its authority.")
    key_file: Path | None = setting("PEM file of its key; without it the key stands in 'cert_file'.", None)
    client_ca_file: Path | None = setting(
        "PEM file of authorities: every client must then show a certificate of theirs, besides its token.", None
    )
    reload_interval: Seconds = setting("How often the files are looked at for changes.", Seconds(60.0), check=positive)
    expiry_warning: Seconds = setting(
        "How long before the end of the certificate 'check' calls it a problem.", Seconds(14 * 86_400.0), check=positive
    )


@dataclass(frozen=True)
class ReadSettings:
    """Reads of the log as events of the log."""

    log: bool = setting("Whether each read of events through the API becomes an event (category meta).", False)
    every: Seconds = setting("How often reads are written to the store.", Seconds(1.0), check=positive)
    waiting_max: int = setting(
        "Most reads that wait for the store; those above it are counted and not written.", 10_000, check=positive
    )


@dataclass(frozen=True)
class WebSettings:
    """What the HTTP face shows without a token, and what requests, tails and exports may take."""

    tls: ServerTlsSettings | None = setting("TLS; without it the face speaks plain HTTP.", None)
    reads: ReadSettings = setting("Reads of the log as events of the log.", default_factory=ReadSettings)
    open_metrics: bool = setting("Whether /metrics needs no token; if not, it needs one with the scope 'read'.", True)
    request_line_bytes_max: Bytes = setting(
        "Longest request line and header; a long query needs room here.", Bytes(32 << 10), check=_line_bytes
    )
    compress_from: Bytes = setting("Smaller answers are sent as they are.", Bytes(1 << 10), check=positive)
    tails_max: int = setting("Most tails that are open at the same time; above it clients get 503.", 64, check=positive)
    tail_heartbeat: Seconds = setting(
        "How often a tail says that it is still there when nothing arrives.", Seconds(15.0), check=positive
    )
    tail_interval: Seconds = setting(
        "Least time between two looks of one tail for what arrived.", Seconds(0.1), check=positive
    )
    tail_behind_max: int = setting(
        "A tail that is more events behind is told of a gap and goes on from the newest.", 1_000_000, check=positive
    )
    tail_write_timeout: Seconds = setting(
        "A tail whose client reads nothing for so long is ended.", Seconds(30.0), check=positive
    )
    busy_pause: Seconds = setting(
        "How long a tail or an export waits when no query worker is free; an export's next pauses double.",
        Seconds(0.2),
        check=positive,
    )
    exports_max: int = setting(
        "Most exports that are under way at the same time; above it clients get 503.", 4, check=positive
    )
    export_page_events: int = setting(
        "Most events that an export asks a query worker for at once; fewer when they are large.",
        10_000,
        check=_page_events,
    )
