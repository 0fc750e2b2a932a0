"""Saved filters, as the collector keeps them."""

import msgspec

from watchbook.operator.connection import Collector, OperatorError
from watchbook.operator.paging import decoded


class SavedFilter(msgspec.Struct):
    """One saved filter: what words do with it."""

    id: str
    name: str
    owner: str
    visibility: str
    version: int
    q: str | None
    filters: dict[str, list[str]]
    exclude: list[str]
    range: dict[str, str | None] | None

    def parameters(self) -> dict[str, list[str]]:
        """Return the query parameters that it stands for."""
        found = {name: list(values) for name, values in self.filters.items()}
        found |= {name: [value] for name, value in (self.range or {}).items() if value is not None}
        if self.exclude:
            found["exclude"] = list(self.exclude)
        return found if self.q is None else {**found, "q": [self.q]}

    def words(self) -> str:
        """Return it on one line, as one would type it."""
        parts = [self.q or "", *(f"{name}:{','.join(values)}" for name, values in self.filters.items())]
        parts += [f"--exclude {name}" for name in self.exclude]
        parts += [f"{name} {value}" for name, value in (self.range or {}).items() if value is not None]
        return " ".join(part for part in parts if part)


class _Listed(msgspec.Struct):
    filters: list[msgspec.Raw]


def list_filters(collector: Collector) -> list[msgspec.Raw]:
    """Return the filters that one may see, each as the collector's own JSON."""
    listed: _Listed = decoded(collector.get("/v1/filters"), _Listed)
    return listed.filters


def find_filter(collector: Collector, name: str) -> SavedFilter:
    """Return the filter of a name, one's own before everyone's; raises OperatorError when there is none."""
    found: list[SavedFilter] = [decoded(bytes(raw), SavedFilter) for raw in list_filters(collector)]
    for one in (*(one for one in found if name in (one.name, one.id)), *found):
        if name == one.id or one.name.casefold() == name.casefold():
            return one
    known = ", ".join(repr(one.name) for one in found[:20]) or "none"
    raise OperatorError(f"there is no saved filter {name!r}; there are: {known}")
