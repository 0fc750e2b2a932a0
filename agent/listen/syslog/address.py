"""Addresses to listen on, as they are written in the configuration.

``udp://0.0.0.0:514``, ``tcp://[::]:514``, ``unix:///run/syslog.sock`` (datagrams, as ``/dev/log``),
``unix+stream:///run/syslog.sock``.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final, Literal, cast

Scheme = Literal["udp", "tcp", "unix", "unix+stream"]

_SCHEMES: Final = ("udp", "tcp", "unix", "unix+stream")
#: Longest path of a unix socket, in bytes (sun_path without its end mark; unix(7)).
PATH_BYTES_MAX: Final = 107


@dataclass(frozen=True)
class Address:
    """Something to listen on: ``host`` and ``port``, or ``path``."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.is_unix:
            return f"{self.scheme}://{self.path}"
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    @property
    def is_unix(self) -> bool:
        """Whether it is a unix socket."""
        return self.scheme in ("unix", "unix+stream")

    @property
    def is_stream(self) -> bool:
        """Whether it takes connections."""
        return self.scheme in ("tcp", "unix+stream")

    def sender(self, host: str) -> str:
        """Return what ``origin.file`` says of lines from a host: without its port, which means nothing later."""
        if self.is_unix:
            return f"unix://{self.path}"
        return f"{self.scheme}://{bracketed(host.removeprefix('::ffff:'))}"


def bracketed(host: str) -> str:
    """Return a host as addresses have it."""
    return f"[{host}]" if ":" in host else host


def parse_address(text: str) -> Address:
    """Return the address that a text names; raises ValueError with what was expected."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in _SCHEMES:
        raise ValueError(
            "expected udp://ADDRESS:PORT, tcp://ADDRESS:PORT, unix:///PATH (datagrams) or unix+stream:///PATH, "
            f"found {text!r}"
        )
    if scheme in ("unix", "unix+stream"):
        return Address(cast(Scheme, scheme), path=_path(rest, text))
    host, port = _host_and_port(rest, scheme, text)
    return Address(cast(Scheme, scheme), host, port)


def _path(path: str, text: str) -> str:
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError(f"expected the absolute path of a socket, such as unix:///run/syslog.sock, found {text!r}")
    if len(path.encode()) > PATH_BYTES_MAX:
        raise ValueError(f"expected a path of at most {PATH_BYTES_MAX} bytes, found {len(path.encode())}: {text!r}")
    return path


def _host_and_port(rest: str, scheme: str, text: str) -> tuple[str, int]:
    host, mark, port = rest.rpartition(":")
    if not mark or not (port.isascii() and port.isdecimal()) or not 0 < int(port[:6]) < 65536:
        raise ValueError(f"expected a port from 1 to 65535 at the end, as in {scheme}://0.0.0.0:514, found {text!r}")
    try:
        found = ipaddress.ip_address(host[1:-1] if host[:1] + host[-1:] == "[]" else host)
    except ValueError as error:
        raise ValueError(
            f"expected an IP address of this host, 0.0.0.0 for all of IPv4 or [::] for all, found {host!r} in {text!r}"
        ) from error
    return str(found), int(port)
