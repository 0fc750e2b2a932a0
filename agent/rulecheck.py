"""What ``watchbook agent check`` finds about the rules of ``drop`` and ``sample``: those that do nothing, or all."""

from collections.abc import Iterator, Mapping
from typing import Final

from agent.config import AgentSettings
from agent.finding import Finding
from agent.pump import Route
from agent.tail.ending import last_lines
from agent.tail.listing import expand

#: Files of an input that are looked into, and how many of the last lines of each.
_FILES_MAX: Final = 20
_LINES_MAX: Final = 1000


def check_rules(settings: AgentSettings, routes: Mapping[str, Route], read_us: int) -> Iterator[Finding]:
    """Yield what the last lines of the inputs' files say about the rules; a rule without lines to try is passed over.

    The lines are read now (``read_us``).
    """
    matched: dict[str, int] = {}
    tried: dict[str, int] = {}
    for each in settings.inputs:
        route = routes[each.name]
        if route.select is None:
            continue
        rows = [row for path in expand(each.files)[:_FILES_MAX] for row in _rows(route, path, read_us)]
        own = {rule.name for rule in each.drop} | {rule.name for rule in each.sample}
        for name, find in route.select.by_name.items():
            label = f"input {each.name}: rule {name}" if name in own else f"rule {name}"
            matched[label] = matched.get(label, 0) + len(find(rows))
            tried[label] = tried.get(label, 0) + len(rows)
    for label, count in matched.items():
        of = tried[label]
        if of and not count:
            yield Finding(False, f"{label}: wants none of the last {of} events; look at its 'when'", note=True)
        elif of and count == of:
            yield Finding(False, f"{label}: wants all of the last {of} events; look at its 'when'", note=True)
        elif of:
            yield Finding(False, f"{label}: wants {count} of the last {of} events")


def _rows(route: Route, path: str, read_us: int) -> list[tuple[object, ...]]:
    try:
        lines = last_lines(path, _LINES_MAX)
    except OSError:
        return []  # said elsewhere
    return route.normalise(lines, read_us).rows
