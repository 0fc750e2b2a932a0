"""Joins the messages of each sender into arrivals, so that what an arrival costs is shared by many."""

from agent.listen.inlet import Arrival
from agent.listen.syslog.address import Address
from agent.records import Chunk


class Gathering:
    """Messages by sender, until they are taken.  ``count`` and ``bytes`` are those waiting."""

    def __init__(self, name: str, address: Address) -> None:
        self._input = name
        self._address = address
        self._by_host: dict[str, tuple[list[bytes], list[int]]] = {}
        self.count = 0
        self.bytes = 0

    def add(self, host: str, message: bytes, *, truncated: bool) -> None:
        """Add one message of a host."""
        found = self._by_host.get(host)
        if found is None:
            found = self._by_host[host] = ([], [])
        if truncated:
            found[1].append(len(found[0]))
        found[0].append(message)
        self.count += 1
        self.bytes += len(message)

    def take(self) -> list[Arrival]:
        """Return what has been gathered, one arrival a sender, and begin anew."""
        by_host, self._by_host, self.count, self.bytes = self._by_host, {}, 0, 0
        return [
            arrival_of(self._input, self._address.sender(host), messages, truncated)
            for host, (messages, truncated) in by_host.items()
        ]


def arrival_of(name: str, sender: str, messages: list[bytes], truncated: list[int]) -> Arrival:
    """Return an arrival of messages of one sender."""
    return Arrival(Chunk(name, sender, messages, [None] * len(messages), tuple(truncated)))
