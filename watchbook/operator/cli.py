"""The commands ``search`` and ``tail``."""

import time

import click

from watchbook.operator.asking import QUERY, Selection, range_words, ranged_options, say, selection_options
from watchbook.operator.cells import shown_time
from watchbook.operator.connection import OperatorError
from watchbook.operator.following import follow
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import EventPage, Total, event_pages
from watchbook.operator.printing import event_printer


@click.command(context_settings=QUERY)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most events to show.")
@click.option("--all", "everything", is_flag=True, help="Every event of the range.")
@click.option("--total", is_flag=True, help="Count what the whole range holds.")
@common_options
@ranged_options
def search(options: Options, selection: Selection, limit: int, everything: bool, total: bool) -> None:
    """Find events, newest first.

    \b
    watchbook search 'actor:alice outcome:failure' --since 1h
    watchbook search type:database action:update,delete -category:access
    watchbook search 'measures.rows:>1000 "connection timeout"' --json
    watchbook search ip:10.0.0.0/8 changed:plan --since 2026-11-21 --all
    watchbook search --filter 'Failed logins' --total
    """
    collector = options.collector()
    asked = selection.asked(collector, utc=options.utc)
    counting = [("total", "true")] if total else []
    printer = event_printer(options)
    found = 0
    counted: Total | None = None
    page: EventPage | None = None
    with asked.pointing_out_mistakes():
        for page in event_pages(collector, asked.parameters, None if everything else limit, counting):
            printer.show(page.events)
            found += len(page.events)
            counted = counted or page.total
            if page.incomplete is not None and page.next_cursor is not None:
                say(f"searched back to {shown_time(page.incomplete.searched_to, options.utc)}, going on …")
    assert page is not None
    say(_summary(found, counted, page, options.utc))
    if page.incomplete is not None and page.next_cursor is None:
        raise OperatorError(page.incomplete.message)


@click.command(context_settings=QUERY)
@click.option(
    "--lines", type=click.IntRange(0, 1000), default=10, show_default=True, help="Older events to begin with."
)
@common_options
@selection_options
def tail(options: Options, selection: Selection, lines: int) -> None:
    """Show events as they arrive, until Ctrl-C.

    \b
    watchbook tail
    watchbook tail outcome:failure -category:access
    watchbook tail --filter 'Failed logins' --exclude system
    """
    collector = options.collector()
    asked = selection.asked(collector, utc=options.utc)
    printer = event_printer(options)
    with asked.pointing_out_mistakes():
        for events in follow(collector, asked.parameters, lines, time.sleep, say):
            printer.show(events)


def _summary(found: int, total: Total | None, page: EventPage, utc: bool) -> str:
    of = "" if total is None else f" of {'' if total.exact else 'at least '}{total.value}"
    words = [f"{found or 'no'}{of} event{'' if (found if total is None else total.value) == 1 else 's'}"]
    if page.range is not None:
        words.append(range_words(page.range, utc))
    if page.next_cursor is not None:
        words.append("; there are more: raise --limit, or --all")
    return "".join(words)
