"""What every way of receiving lines has in common."""

from collections.abc import Mapping
from typing import Any, Protocol


class Listener(Protocol):
    """Receives lines of one input and puts them into the inlet.

    Errors that pass (a port in use, a command that ends) are retried inside for ever, counted and shown in ``state``;
    an exception that leaves :meth:`run` ends the agent.
    """

    @property
    def state(self) -> Mapping[str, Any]:
        """What people should know of it now, for ``status``: JSON; ``error`` (text) when it does not work."""
        ...

    async def run(self) -> None:
        """Receive until :meth:`stop`; return when everything that was received is in the inlet."""
        ...

    def stop(self) -> None:
        """Accept nothing new."""
        ...
