"""What is wrong with a query: the parameter, the place in it, and what to write instead."""

import difflib
from collections.abc import Iterable

from collector.problem import ApiProblem, ErrorEntry


class QueryError(ValueError):
    """A query that cannot be understood.

    ``position`` is the 0-based offset (in characters) of the mistake in the parameter's text, None when all of it is
    meant.  ``suggestion`` is what was probably meant.
    """

    def __init__(
        self, message: str, position: int | None = None, *, suggestion: str | None = None, parameter: str = "q"
    ) -> None:
        super().__init__(f"{message}; did you mean {suggestion!r}?" if suggestion else message)
        self.position = position
        self.suggestion = suggestion
        self.parameter = parameter


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, if one is near."""
    close = difflib.get_close_matches(word.lower()[:64], list(known), n=1)
    return close[0] if close else None


def problem_of(error: QueryError) -> ApiProblem:
    """Return the answer to a request that cannot be understood."""
    entry: ErrorEntry = {"parameter": error.parameter, "message": str(error)}
    if error.position is not None:
        entry["position"] = error.position
    return ApiProblem(
        400, "query", f"'{error.parameter}': {error}", title="The query was not understood", errors=[entry]
    )
