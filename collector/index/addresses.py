"""IP addresses as numbers."""

import socket
from typing import Final

_IPV4: Final = 4 << 32
_OTHER: Final = 6 << 32
#: Addresses remembered between batches.
_REMEMBERED_MAX: Final = 200_000


def number_of_ipv4(text: str) -> int | None:
    """Return the number of an IPv4 address in its one canonical form (no leading zeros, four parts), else None."""
    try:
        packed = socket.inet_aton(text)
    except (OSError, ValueError):
        return None
    return int.from_bytes(packed, "big") if socket.inet_ntoa(packed) == text else None


class Addresses(dict[str | None, int]):
    """Gives a text's kind (upper 32 bits) and IPv4 number (lower 32), those of ``collector.view.AddressColumn``."""

    def __init__(self) -> None:
        super().__init__()
        self[None] = 0

    def __missing__(self, text: str | None) -> int:
        assert text is not None
        number = number_of_ipv4(text)
        code = self[text] = _OTHER if number is None else _IPV4 | number
        return code

    def trim(self) -> None:
        """Forget everything when it has become too much."""
        if len(self) > _REMEMBERED_MAX:
            self.clear()
            self[None] = 0
