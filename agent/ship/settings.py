"""Settings of shipping."""

from dataclasses import dataclass
from pathlib import Path

from watchbook.configfile import positive, setting
from watchbook.units import Seconds


def _http_url(url: str) -> str | None:
    return None if url.startswith(("http://", "https://")) else "a URL that begins with http:// or https://"


@dataclass(frozen=True)
class ShipSettings:
    """Where batches go, and how stubbornly."""

    url: str = setting("Address of the collector, for instance http://collector.example:8420.", check=_http_url)
    token_file: Path | None = setting(
        "File that holds this agent's token; read again when it is refused. It or 'token' is needed.", None
    )
    token: str | None = setting("The token itself, where a file is not wanted.", None)
    connect_timeout: Seconds = setting("How long a connection may take.", Seconds(10.0), check=positive)
    answer_timeout: Seconds = setting("How long the collector may take to answer.", Seconds(60.0), check=positive)
    retry_min: Seconds = setting("First wait after a failure; it doubles, with jitter.", Seconds(0.1), check=positive)
    retry_max: Seconds = setting("Longest wait between tries.", Seconds(30.0), check=positive)
    refused_wait: Seconds = setting("Wait between tries while the token is refused.", Seconds(10.0), check=positive)
