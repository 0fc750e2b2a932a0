"""Settings of the HTTP face."""

from dataclasses import dataclass

from watchbook.configfile import setting
from watchbook.units import Bytes


def _port(value: int) -> str | None:
    return None if 0 <= value <= 65535 else "a port number from 0 to 65535"


def _line_bytes(value: int) -> str | None:
    return None if 1024 <= value <= 1 << 20 else "1KiB to 1MiB"


@dataclass(frozen=True)
class WebSettings:
    """Where the collector listens, and what it shows without a token."""

    address: str = setting("Address to listen on; 127.0.0.1 is reached from this host only.", "127.0.0.1")
    port: int = setting("Port to listen on; 0 takes any free one.", 8420, check=_port)
    open_metrics: bool = setting("Whether /metrics needs no token; if not, it needs one with the scope 'read'.", True)
    request_line_bytes_max: Bytes = setting(
        "Longest request line and header; a long query needs room here.", Bytes(32 << 10), check=_line_bytes
    )
