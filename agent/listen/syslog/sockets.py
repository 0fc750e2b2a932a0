"""Opening and closing what is listened on.  Files are touched here: not for the event loop's thread."""

import contextlib
import errno
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from agent.listen.syslog.address import Address
from agent.listen.syslog.settings import SyslogSettings

_BACKLOG: Final = 256
#: Linux's numbers (asm-generic/socket.h), which the module socket does not have.
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO_DROPS: Final = 8
_TAKEOVER_TIMEOUT_S: Final = 1.0


class CannotListenError(Exception):
    """An address cannot be listened on.  ``errno`` says why, the text what to do; ``used``: something listens there."""

    def __init__(self, address: Address, error: OSError) -> None:
        self.used = error.errno == errno.EADDRINUSE
        super().__init__(f"{address}: {_explained(address, error)}")


class Bound:
    """A socket that is bound; its file, when it has one, is removed with it."""

    def __init__(self, address: Address, opened: socket.socket, file: os.stat_result | None = None) -> None:
        self.address = address
        self.socket = opened
        self._file = file

    def close(self) -> None:
        """Close it, and remove its file unless that is another's by now."""
        self.socket.close()
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(os.lstat(self.address.path), self._file):
                Path(self.address.path).unlink()

    def receive_buffer(self) -> int:
        """Return how much the kernel keeps until it is read, in the bytes that were asked for."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2

    def kernel_drops(self) -> int:
        """Return how many datagrams the kernel has dropped here; 0 when it does not tell."""
        try:
            told = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_MEMINFO_DROPS + 1))
            return int(struct.unpack_from("=I", told, 4 * _MEMINFO_DROPS)[0])
        except (OSError, struct.error):
            return 0


def open_address(address: Address, settings: SyslogSettings) -> Bound:
    """Return an address's socket, bound, listening and not blocking; raises CannotListenError."""
    try:
        return _open_unix(address, int(settings.socket_mode, 8)) if address.is_unix else _open_ip(address, settings)
    except OSError as error:
        raise CannotListenError(address, error) from error


def _open_ip(address: Address, settings: SyslogSettings) -> Bound:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM if address.is_stream else socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if address.is_stream:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # those accepted have it from here
        else:
            _ask_for_buffer(opened, settings.receive_buffer)
        opened.bind((address.host, address.port))
        if address.is_stream:
            opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return Bound(address, opened)


def _ask_for_buffer(opened: socket.socket, size: int) -> None:
    """Ask for a receive buffer: as root beyond what the kernel allows everyone."""
    size = min(size, 2**30)
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except OSError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _open_unix(address: Address, mode: int) -> Bound:
    kind = socket.SOCK_STREAM if address.is_stream else socket.SOCK_DGRAM
    _remove_stale(address.path, kind)
    opened = socket.socket(socket.AF_UNIX, kind)
    try:
        opened.setblocking(False)
        opened.bind(address.path)
        file = os.lstat(address.path)
        Path(address.path).chmod(mode)
        if address.is_stream:
            opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return Bound(address, opened, file)


def _remove_stale(path: str, kind: int) -> None:
    """Remove the file of a socket that nobody listens on any more; raises OSError when it is anything else."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(_TAKEOVER_TIMEOUT_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except FileNotFoundError:
            return
        except OSError as error:  # EPROTOTYPE: somebody listens there in another way; EAGAIN: and is busy
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) from error
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _explained(address: Address, error: OSError) -> str:
    """Return what is wrong and what to do."""
    if error.errno in (errno.EACCES, errno.EPERM) and not address.is_unix:
        return (
            f"the agent's user has no right to the port {address.port}; give it the capability CAP_NET_BIND_SERVICE "
            "(AmbientCapabilities= and CapabilityBoundingSet= in a drop-in of the unit), or choose a port from 1024 on"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the agent's user may not make it; give it a folder that it may write to ({error.strerror})"
    if error.errno == errno.EADDRINUSE:
        if address.is_unix:
            return "another program listens there; stop it, or choose another path"
        return f"another program listens there; find it with 'ss -lpn sport = :{address.port}', or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this host has no such address; choose one of 'ip address', or 0.0.0.0 for all"
    if error.errno == errno.ENOENT:
        return f"the folder {Path(address.path).parent} is not there; create it (RuntimeDirectory= in the unit)"
    if error.errno == errno.ENOTSOCK:
        return "there is a file of that name that is no socket; remove it, or choose another path"
    return f"{error.strerror or error}"
