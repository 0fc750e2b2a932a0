"""Lines of RFC 5424 with structured data, as an application behind rsyslog writes them."""

import random
from datetime import timedelta

from watchbook.clock import EPOCH

_PEOPLE = ("alice", "bob", "carol", "deploy", "svc-billing")
_ACTIONS = ("created", "updated", "deleted", "viewed", "exported")
_RESOURCES = ("report", "dataset", "database", "subscription")


class SyslogLog:
    """Writes one application's log; the same seed and times always give the same bytes."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def line(self, time_us: int) -> bytes:
        """Return one message, with its newline."""
        draw = self._random
        stamp = (EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
        user, action, kind = draw.choice(_PEOPLE), draw.choice(_ACTIONS), draw.choice(_RESOURCES)
        number = draw.randrange(100_000)
        data = (
            f'[audit@32473 user="{user}" action="{action}" resource="{kind}" id="{kind}-{number}" '
            f'ip="198.51.100.{draw.randrange(1, 255)}" request="{draw.getrandbits(64):016x}" status="success"]'
        )
        message = f"{user} {action} {kind} {number} in {draw.randrange(1, 900)} ms"
        return f"<134>1 {stamp} app-1 orders {1000 + draw.randrange(8)} AUDIT {data} {message}\n".encode()
