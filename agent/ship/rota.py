"""Which of several collectors is used: decided from what was seen, without I/O."""

from agent.ship.verdict import Kind

#: A collector that answers so works, whatever it thinks of the batch.
_ALIVE = (Kind.ACCEPTED, Kind.POISON, Kind.GAP, Kind.CONFLICT, Kind.BUSY)


class Rota:
    """``current`` is the place of the collector in use, 0 the preferred one.  Times are seconds of one clock."""

    def __init__(self, size: int, current: int, failover_after: float) -> None:
        self.size = size
        self.current = current
        self._failover_after = failover_after
        self._failing_since: float | None = None

    def note(self, kind: Kind, began: float, ended: float) -> int | None:
        """Note what came of a request to the one in use; return the place of the one to use instead, or None.

        A refused token is a mistake to mend, no outage: at the preferred collector it is waited for.
        """
        if kind in _ALIVE or (kind is Kind.REFUSED and self.current == 0):
            self._failing_since = None
            return None
        if self._failing_since is None:
            self._failing_since = began
        if self.size == 1 or ended - self._failing_since < self._failover_after:
            return None
        return (self.current + 1) % self.size

    def use(self, place: int) -> None:
        """Use another one."""
        self.current = place
        self._failing_since = None
