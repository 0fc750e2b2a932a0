"""Settings of the metrics port."""

import ipaddress
from dataclasses import dataclass

from watchbook.configfile import positive, setting
from watchbook.units import Seconds


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of ``127.0.0.1:9421`` or ``[::1]:9421``; raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} has no port")
    ipaddress.ip_address(host)
    return host, int(port)


def is_loopback(text: str) -> bool:
    """Return whether an address as :func:`split_address` reads it can only be reached from this host."""
    return ipaddress.ip_address(split_address(text)[0]).is_loopback


def _address(text: str) -> str | None:
    try:
        split_address(text)
    except ValueError:
        return "an IP address and a port, for instance 127.0.0.1:9421"
    return None


@dataclass(frozen=True)
class MetricsSettings:
    """Whether and where the agent answers ``GET /metrics`` (Prometheus) and ``GET /healthz``."""

    listen: str | None = setting(
        "Address and port, for instance 127.0.0.1:9421; without it the agent opens no port.", None, check=_address
    )
    allow_remote: bool = setting(
        "Whether the address may be one that other hosts reach; there is no token, and file names are shown.", False
    )
    files_max: int = setting(
        "Most files with metrics of their own: those that are furthest behind.",
        50,
        check=lambda n: None if n >= 0 else "zero or more",
    )
    retry_interval: Seconds = setting(
        "Wait between tries while the address cannot be used.", Seconds(10.0), check=positive
    )
