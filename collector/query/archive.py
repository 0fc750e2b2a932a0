"""How archived segments take part in answers: through whoever can read their files.

An archived segment has no blocks and no index.  Its reader is asked with a piece of SQL that narrows (``sql``) and
hands back events as decoded blocks; this room tests each of them, as it does with every other.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from collector.block import DecodedBlock


class Condition(NamedTuple):
    """SQL that is true of every row wanted (and perhaps of others); ``values`` are its parameters by name."""

    sql: str
    values: Mapping[str, object]


class Archive(Protocol):
    """Reads archived segments by the path of their file; called from several threads.

    Raises KeyError when the file is gone.  ``condition`` has the attributes of :class:`Condition`.
    """

    def newest(
        self, path: Path, condition: Any, time_from: int, time_to: int, fields: Sequence[str] | None = None
    ) -> Iterator[DecodedBlock]:
        """Yield the events of the condition with ``time_from <= time < time_to``, newest first.

        Every event of a block comes, in the order of answers, before all of the next; the blocks have ``identities``.
        With ``fields`` only those are needed.
        """
        ...

    def scan(
        self,
        path: Path,
        condition: Any,
        time_from: int,
        time_to: int,
        fields: Sequence[str] | None = None,
        *,
        identities: bool = True,
    ) -> Iterator[DecodedBlock]:
        """Yield them in any order; without ``identities`` nobody will ask for those."""
        ...

    def find(self, path: Path, stream: str, sequence: int) -> DecodedBlock | None:
        """Return the events of one batch, None when the segment has none of it."""
        ...
