"""Settings of the HTTP face."""

from dataclasses import dataclass

from watchbook.configfile import setting
from watchbook.units import Bytes


def _line_bytes(value: int) -> str | None:
    return None if 1024 <= value <= 1 << 20 else "1KiB to 1MiB"


@dataclass(frozen=True)
class WebSettings:
    """What the HTTP face shows without a token, and what a request's head may hold."""

    open_metrics: bool = setting("Whether /metrics needs no token; if not, it needs one with the scope 'read'.", True)
    request_line_bytes_max: Bytes = setting(
        "Longest request line and header; a long query needs room here.", Bytes(32 << 10), check=_line_bytes
    )
