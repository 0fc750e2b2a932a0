"""What ``watchbook agent check`` finds about the rules of ``drop`` and ``sample``: those that do nothing, or all."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from agent.config import AgentSettings, InputSettings
from agent.finding import Finding
from agent.pump import Route
from agent.records import Chunk
from agent.tail import join_lines
from agent.tail.ending import last_lines
from agent.tail.listing import expand

#: Files of an input that are looked into, and how many of the last lines of each.
_FILES_MAX: Final = 20
_LINES_MAX: Final = 1000


def check_rules(settings: AgentSettings, routes: Mapping[str, Route], read_us: int) -> Iterator[Finding]:
    """Yield what the last lines of the inputs' files say about the rules; a rule without lines to try is passed over.

    The lines are read now (``read_us``).
    """
    wanted: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for each in settings.inputs:
        own = {rule.name for rule in each.drop} | {rule.name for rule in each.sample}
        if not own and not settings.drop and not settings.sample:
            continue
        for path in expand(each.files)[:_FILES_MAX]:
            for name, found, of in _try(routes[each.name], each, path, settings, read_us):
                label = f"input {each.name}: rule {name}" if name in own else f"rule {name}"
                wanted[label] += found
                tried[label] += of
    for label, of in tried.items():
        count = wanted[label]
        if of and count in (0, of):
            share = "none" if not count else "all"
            yield Finding(False, f"{label}: wants {share} of the last {of} events; look at its 'when'", note=True)
        elif of:
            yield Finding(False, f"{label}: wants {count} of the last {of} events")


def _try(
    route: Route, source: InputSettings, path: str, settings: AgentSettings, read_us: int
) -> Iterator[tuple[str, int, int]]:
    """Yield for each rule its name, how many of the last events of a file it wants, and how many there are."""
    try:
        lines = last_lines(path, _LINES_MAX)
    except OSError:
        return  # said elsewhere
    if source.multiline is not None:
        lines = join_lines(lines, source.multiline, int(settings.tail.max_line_bytes))
    if lines and route.choose is not None:
        route = route.choose(Chunk(source.name, path, lines, [None] * len(lines)))
    if route.select is None:
        return
    rows = route.normalise(lines, read_us).rows
    for name, find in route.select.by_name.items():
        yield name, len(find(rows)), len(rows)
