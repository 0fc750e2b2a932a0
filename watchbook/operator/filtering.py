"""The command ``filters``: saved filters."""

from typing import Any, Final

import click
import msgspec

from watchbook.operator.asking import QUERY, Asked, Selection, ranged_options, say
from watchbook.operator.cells import Row, visible
from watchbook.operator.connection import Collector, OperatorError
from watchbook.operator.options import Options, common_options
from watchbook.operator.paging import decoded
from watchbook.operator.printing import JsonLines, TablePrinter
from watchbook.operator.saved import SavedFilter, find_filter, list_filters

_HEADS: Final = ("name", "for", "owner", "selects")
_JSON: Final = {"Content-Type": "application/json"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def filters() -> None:
    """Save filters under a name, for yourself or for everyone.

    \b
    watchbook filters save 'Failed logins' action:login outcome:failure --everyone
    watchbook filters list
    watchbook search --filter 'Failed logins' --since 1h
    watchbook filters rm 'Failed logins'
    """


@filters.command("list")
@common_options
def list_all(options: Options) -> None:
    """List the filters that you may use."""
    found = list_filters(options.collector())
    printer = JsonLines() if options.json_lines else TablePrinter(_HEADS, _row, utc=options.utc)
    printer.show(found)
    say(f"{len(found) or 'no'} filter{'' if len(found) == 1 else 's'}")


@filters.command()
@click.argument("name")
@common_options
def show(options: Options, name: str) -> None:
    """Show one filter."""
    collector = options.collector()
    found = find_filter(collector, name)
    body = collector.get(f"/v1/filters/{found.id}")
    printer = JsonLines() if options.json_lines else TablePrinter(_HEADS, _row, utc=options.utc)
    printer.show([body])


@filters.command(context_settings=QUERY)
@click.argument("name")
@click.option("--everyone", is_flag=True, help="Everyone who may read sees it, and may change it.")
@click.option("--replace", is_flag=True, help="Change the filter of that name, if there is one.")
@common_options
@ranged_options
def save(options: Options, selection: Selection, name: str, everyone: bool, replace: bool) -> None:
    """Save a query under a name.

    A range is kept only when --since or --until is given; --filter begins with another saved filter.

    \b
    watchbook filters save Deletions action:delete --exclude system
    watchbook filters save 'Last quarter' --since 90d --everyone
    """
    collector = options.collector()
    asked = selection.asked(collector, utc=options.utc)
    document = {"name": name, "visibility": "everyone" if everyone else "mine", **_content(asked)}
    with asked.pointing_out_mistakes():
        kept = _replaced(collector, name, document) if replace else None
        kept = kept or decoded(collector.send("POST", "/v1/filters", msgspec.json.encode(document), _JSON), SavedFilter)
    assert isinstance(kept, SavedFilter)
    say(f"saved {kept.name!r} for {'everyone' if kept.visibility == 'everyone' else 'yourself'}: {kept.words()}")


@filters.command()
@click.argument("name")
@common_options
def rm(options: Options, name: str) -> None:
    """Remove a filter."""
    collector = options.collector()
    found = find_filter(collector, name)
    collector.send("DELETE", f"/v1/filters/{found.id}", None, {"If-Match": f'"{found.version}"'})
    say(f"removed {found.name!r}")


def _replaced(collector: Collector, name: str, document: dict[str, Any]) -> SavedFilter | None:
    try:
        found = find_filter(collector, name)
    except OperatorError:
        return None
    headers = {**_JSON, "If-Match": f'"{found.version}"'}
    body = collector.send("PUT", f"/v1/filters/{found.id}", msgspec.json.encode(document), headers)
    changed: SavedFilter = decoded(body, SavedFilter)
    return changed


def _content(asked: Asked) -> dict[str, Any]:
    """Return the parameters of a request as a filter keeps them."""
    content: dict[str, Any] = {"q": None, "filters": {}, "exclude": [], "range": None}
    for name, value in asked.parameters:
        if name == "q":
            content["q"] = value or None
        elif name == "exclude":
            content["exclude"].append(value)
        elif name in ("from", "to"):
            content["range"] = {**(content["range"] or {}), name: value}
        else:
            content["filters"].setdefault(name, []).append(value)
    return content


def _row(raw: bytes | msgspec.Raw, _: bool) -> Row:
    found: SavedFilter = decoded(bytes(raw), SavedFilter)
    cells = (found.name, "everyone" if found.visibility == "everyone" else "me", found.owner, found.words())
    return Row(tuple(map(visible, cells)), None)
