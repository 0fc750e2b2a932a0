"""Shows what was counted on a terminal: tables with bars, charts, the plan as a tree."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from watchbook.operator.cells import CELL_CHARS_MAX, shown_time, visible
from watchbook.operator.charts import bar, columns, grouped
from watchbook.operator.counts import Bucket, Counted, Explanation, Facet, Facets, Value, Values
from watchbook.units import format_duration

_BAR_CELLS: Final = 30
_CHART_LINES: Final = 8
#: Most lines that ``--by`` adds below a chart.
_LINES_MAX: Final = 20
#: What of a segment is shown, under which head.
_SEGMENT_HEADS: Final = {
    "name": "segment", "tier": "tier", "rows": "events", "indexed_rows": "indexed", "tail_rows": "not yet",
    "sure": "surely", "perhaps": "perhaps",
}  # fmt: skip
#: Deepest level of a plan that is drawn.
_PLAN_LEVELS_MAX: Final = 40


def show_facets(found: Facets) -> None:
    """Print a table with bars for each field."""
    console = _console()
    for number, (field, facet) in enumerate(found.facets.items()):
        if number:
            console.print()
        console.print(_facet_table(field, facet))


def show_values(found: Values) -> None:
    """Print the values of a field with their counts."""
    table = _table()
    table.add_column("events", justify="right")
    table.add_column("value", overflow="fold")
    for counted in found.values:
        table.add_row(str(counted.count), Text(_shown(counted.value)))
    _console().print(table)


def show_histogram(buckets: Sequence[Bucket], interval_s: float, *, utc: bool) -> None:
    """Print a chart over time, and a line for each value below it when the buckets have values."""
    console = _console()
    counts = [bucket.count for bucket in buckets]
    if not counts:
        return
    highest = str(max(grouped(counts, console.width)[0]))
    width = max(1, console.width - len(highest) - 3)
    sums, size = grouped(counts, width)
    highest = str(max(sums))
    for number, line in enumerate(columns(sums, _CHART_LINES)):
        label = highest if number == 0 else ("0" if number == _CHART_LINES - 1 else "")
        console.print(Text.assemble(f"{label:>{len(highest)}} ┤", (line, "cyan")), no_wrap=True, crop=True)
    first, last = (shown_time(buckets[index].time, utc) for index in (0, -1))
    room = len(sums) - len(first) - len(last)
    console.print(Text(f"{'':{len(highest)}}  {first}{' ' * max(1, room)}{last}"), no_wrap=True, crop=True)
    each = format_duration(interval_s * size)
    console.print(Text(f"{'':{len(highest)}}  one column: {each}, {'UTC' if utc else 'local time'}", style="dim"))
    _show_lines(console, buckets, width)


def show_explanation(found: Explanation) -> None:
    """Print how a query was understood: its canonical form, its plan, the segments."""
    console = _console()
    console.print(Text(visible(found.query) or "(every event)", style="bold"))
    console.print(_tree(found.plan))
    if not found.segments:
        return
    table = _table()
    for head in _SEGMENT_HEADS.values():
        table.add_column(head, overflow="fold", justify="left" if head in ("segment", "tier") else "right")
    for segment in found.segments:
        table.add_row(*(Text(_shown(segment.get(name))) for name in _SEGMENT_HEADS))
    console.print(table)


def _facet_table(field: str, facet: Facet) -> Table:
    distinct = any(counted.distinct is not None for counted in facet.values)
    table = _table()
    table.add_column(Text(visible(field)), overflow="fold", max_width=60)
    table.add_column("events", justify="right")
    table.add_column("", min_width=_BAR_CELLS, no_wrap=True)
    if distinct:
        table.add_column("distinct", justify="right")
    largest = max((counted.count for counted in facet.values), default=0)
    for counted in facet.values:
        table.add_row(*_facet_row(counted, largest, distinct=distinct))
    for words, count in (("(other values)", facet.other), ("(no value)", facet.missing)):
        if count:
            table.add_row(Text(words, style="dim"), str(count))
    return table


def _facet_row(counted: Counted, largest: int, *, distinct: bool) -> list[Text]:
    row = [
        Text(_shown(counted.value)),
        Text(str(counted.count)),
        Text(bar(counted.count, largest, _BAR_CELLS), style="cyan"),
    ]
    return [*row, Text(_shown(counted.distinct))] if distinct else row


def _show_lines(console: Console, buckets: Sequence[Bucket], width: int) -> None:
    totals: Counter[str] = Counter()
    for bucket in buckets:
        totals.update(bucket.by)
    if not totals:
        return
    console.print()
    most = max(totals.values())
    for value, total in totals.most_common(_LINES_MAX):
        counts, _ = grouped([bucket.by.get(value, 0) for bucket in buckets], width)
        (line,) = columns(counts, 1)
        console.print(Text.assemble(f"{total:>{len(str(most))}} {_shown(value) or '(no value)'}"), no_wrap=True)
        console.print(Text.assemble(" " * (len(str(most)) + 1), (line, "cyan")), no_wrap=True, crop=True)


def _tree(plan: Any) -> Tree:
    root = Tree(Text("plan"), hide_root=True)
    _grow(root, plan, _PLAN_LEVELS_MAX)
    return root


def _grow(branch: Tree, plan: Any, levels: int) -> None:
    if levels == 0:
        branch.add(Text("…"))
    elif isinstance(plan, Mapping) and "test" in plan:
        branch.add(Text(_condition(plan)))
    elif isinstance(plan, Mapping):
        for name, value in plan.items():
            if isinstance(value, Mapping | list):
                _grow(branch.add(Text(visible(str(name)))), value, levels - 1)
            else:
                branch.add(Text(f"{visible(str(name))}: {_shown(value)}"))
    elif isinstance(plan, list):
        for value in plan:
            _grow(branch, value, levels - 1)
    else:
        branch.add(Text(_shown(plan)))


def _condition(plan: Mapping[str, Any]) -> str:
    """Return a test of fields on one line: ``actor.id, actor.name: equals alice``."""
    fields = plan.get("fields")
    named = ", ".join(map(_shown, fields)) if isinstance(fields, list) else ""
    rest = [_shown(value) for name, value in plan.items() if name != "fields"]
    return f"{named}: {' '.join(rest)}"


def _shown(value: Value | Iterable[Any] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return visible(str(value)[:CELL_CHARS_MAX])


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _console() -> Console:
    return Console(highlight=False, emoji=False, markup=False)
