"""What a look at something found, for ``watchbook agent check``."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing looked at.  ``wrong``: the agent could not do its work as it is.  ``note``: it could, with a loss."""

    wrong: bool
    text: str
    note: bool = False

    @property
    def level(self) -> Literal["ok", "note", "WRONG"]:
        """How bad it is."""
        return "WRONG" if self.wrong else "note" if self.note else "ok"
