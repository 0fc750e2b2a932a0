"""Where each field of an event came from: what ``watchbook agent try`` shows of a line."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """How one event of a line came about.

    ``pattern`` and ``case`` are the names of the pattern that fitted and of the case that held, None where there is
    none.  ``origins`` says of each field of the event where its value came from, in words to show: ``path user.name``,
    ``path user.name, as verb``, ``template {a}/{b}``, ``group user of the pattern failed``, ``value on a condition``,
    ``default``, ``constant``, ``derived from actor.id`` …  ``reason`` is why the line has no event (unparsed, or
    dropped as an optional kind), None when it has one.
    """

    pattern: str | None
    case: str | None
    origins: Mapping[str, str]
    reason: str | None = None
