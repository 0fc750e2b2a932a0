"""Settings of receiving syslog."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.listen.syslog.address import Address, parse_address
from watchbook.configfile import Node, Problem, positive, setting
from watchbook.units import Bytes, Seconds


def _mode(text: str) -> str | None:
    return None if re.fullmatch(r"0?[0-7]{3}", text) else "the mode of a file, such as 0666 or 0660"


def _message_size(size: int) -> str | None:
    return None if 480 <= size <= 16 << 20 else "480B (which every receiver must take, RFC 5424) to 16MiB"


@dataclass(frozen=True)
class SyslogSettings:
    """Where syslog is received, and how much of it."""

    listen: tuple[str, ...] = setting(
        "Addresses: udp://ADDRESS:PORT, tcp://ADDRESS:PORT, unix:///PATH for datagrams (as /dev/log), "
        "unix+stream:///PATH for connections."
    )
    message_bytes_max: Bytes = setting(
        "A message is cut at this length, marked 'truncated', and the rest of it skipped and counted.",
        Bytes(64 << 10),
        check=_message_size,
    )
    connections_max: int = setting("Most connections at once; more are closed and counted.", 500, check=positive)
    idle_timeout: Seconds = setting(
        "A connection over which nothing came for this long is closed.", Seconds(3600.0), check=positive
    )
    message_timeout: Seconds = setting(
        "A connection whose sender takes longer than this to finish a message is closed.", Seconds(30.0), check=positive
    )
    stop_timeout: Seconds = setting(
        "At a stop connections are read on for what is under way until they end or fall silent, this long at most.",
        Seconds(1.0),
    )
    receive_buffer: Bytes = setting(
        "What the kernel may keep of UDP until it is read (SO_RCVBUF); without the right to more it grants no more "
        "than net.core.rmem_max.",
        Bytes(8 << 20),
        check=positive,
    )
    read_batch: int = setting("Most datagrams read in one go.", 512, check=positive)
    read_bytes: Bytes = setting("Most bytes read from a connection in one go.", Bytes(128 << 10), check=positive)
    read_interval: Seconds = setting(
        "Pause between reads of a UDP socket, for more datagrams to come: CPU against the kernel's buffer.",
        Seconds(0.005),
    )
    gather_time: Seconds = setting(
        "How long messages of one sender are gathered before they go on: CPU against latency.", Seconds(0.02)
    )
    socket_mode: str = setting("Mode of unix sockets, in octal: who may log.", "0666", check=_mode)
    retry: Seconds = setting(
        "How long until an address that could not be listened on is tried again.", Seconds(5.0), check=positive
    )

    def problems(self, node: Node) -> Iterator[Problem]:
        """Yield what is wrong with the addresses; ``node`` is where these settings stand."""
        place = node.mapping()["listen"]
        if not self.listen:
            yield place.problem("expected at least one address, for instance udp://0.0.0.0:514")
        seen: set[Address] = set()
        for text, where in zip(self.listen, place.sequence(), strict=True):
            try:
                address = parse_address(text)
            except ValueError as error:
                yield where.problem(str(error))
                continue
            if address in seen:
                yield where.problem(f"{address} is given twice; keep one of them")
            seen.add(address)

    def addresses(self) -> tuple[Address, ...]:
        """Return the addresses; raises ValueError unless :meth:`problems` found nothing."""
        return tuple(map(parse_address, self.listen))
