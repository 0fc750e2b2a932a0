"""A store without indexes: everything is found by decoding."""

from collector.view import IndexView


class NoIndexes:
    """Implements :class:`collector.view.IndexSource`: no segment has an index."""

    def view(self, name: str, generation: str, path: object) -> IndexView | None:  # noqa: ARG002 - a port's
        """Return None."""
        return None
