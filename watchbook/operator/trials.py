"""The words ``watchbook rules backtest`` and ``explain`` as far as they ask a collector, and what they print."""

import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from watchbook.operator.asking import say
from watchbook.operator.cells import shown_time, visible
from watchbook.operator.charts import bar
from watchbook.operator.connection import Collector, OperatorError, UnreachableError
from watchbook.operator.counts import Bucket
from watchbook.operator.paging import decoded
from watchbook.operator.showing import show_histogram

Document = Mapping[str, Any]
#: Told how many events of how many were read.
Tell = Callable[[int, int], None]
_JSON: Final = {"Content-Type": "application/json"}
#: A back-test says every ten seconds that it is at work.
_TIMEOUT_S: Final = 120.0
_BAR_CELLS: Final = 24
_EXAMPLES: Final = 3
_EXAMPLE_EVENTS: Final = 3
_MARKS: Final = {True: "✔", False: "✘"}
_OPERATORS: Final = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "less than", "eq": "exactly",
                     "neq": "other than"}  # fmt: skip


def ask_backtest(collector: Collector, wanted: Document, tell: Tell) -> Any:
    """Return the result of a back-test by the collector; raises OperatorError."""
    body = msgspec.json.encode(wanted)
    with collector.streamed("POST", "/v1/rules/backtest", body, _JSON, _TIMEOUT_S) as answer:
        for raw in answer.lines():
            line: Document = decoded(raw, dict[str, Any])
            if "progress" in line:
                tell(int(line["progress"]["events"]), int(line["progress"]["of"]))
            elif "problem" in line:
                raise OperatorError(str(line["problem"].get("detail")))
            else:
                return line["result"]
    raise UnreachableError("the collector's answer ended before the result; its log says why")


def ask_explanations(collector: Collector, rule: str, event: str) -> Sequence[Document]:
    """Return what a rule makes of an event: RULE in force, or those of a file of this name; raises OperatorError."""
    text = rule_text(rule)
    if text is None:
        path = f"/v1/rules/{urllib.parse.quote(rule, safe='')}/explain"
        return [decoded(collector.get(path, [("event", event)]), dict[str, Any])]
    wanted = msgspec.json.encode({"text": text, "name": rule, "event": event})
    found: Document = decoded(collector.send("POST", "/v1/rules/explain", wanted, _JSON), dict[str, Any])
    explained: Sequence[Document] = found["rules"]
    return explained


def rule_text(rule: str) -> str | None:
    """Return the text of a file, None when RULE names none; raises OperatorError when it cannot be read."""
    path = Path(rule)
    if not path.is_file():
        if path.suffix in (".yml", ".yaml"):
            raise OperatorError(f"there is no file {rule}")
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{rule} cannot be read: {error}") from error


@contextmanager
def progress_bar() -> Iterator[Tell]:
    """Give what is told of events that were read: it moves a bar on a terminal."""
    bars: tuple[Any, ...] = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def show_backtest(result: Document, *, utc: bool) -> None:
    """Print the result of a back-test."""
    until = "now" if result["to"] is None else shown_time(result["to"], utc)
    for rule in result["rules"]:
        click.echo(f"{visible(rule['title'])} ({rule['level']})")
        click.echo(
            f"{rule['alerts']:,} alert{'' if rule['alerts'] == 1 else 's'}, {rule['alerts_per_day']:g} a day, of "
            f"{rule['matched']:,} matches, {shown_time(result['from'], utc)} until {until}"
        )
        if rule["alerts"]:
            buckets = [Bucket(each["from"], each["alerts"]) for each in rule["histogram"]["buckets"]]
            show_histogram(buckets, rule["histogram"]["width_s"], utc=utc)
            _show_groups(rule["top_groups"])
            _show_examples(rule["listed"], utc=utc)
        for line in _remarks(rule):
            say(line)
    if result["unreadable_blocks"]:
        say(f"{result['unreadable_blocks']} blocks could not be read: watchbook verify says which are damaged")
    if result["archived_events_not_read"]:
        say(f"{result['archived_events_not_read']:,} archived events were not read: they need the archive's folder")
    say(f"{result['events']:,} events read in {result['seconds']:g} s")


def show_explanation(found: Document, *, utc: bool) -> None:
    """Print why a rule matches an event or does not."""
    _show_level(found, f", {found['state']}", "", utc=utc)


def _show_level(found: Document, state: str, indent: str, *, utc: bool) -> None:
    """Print an explanation, and below it, further in, those of the correlations that the rule counts."""

    def put(line: str) -> None:
        click.echo(f"{indent}{line}" if line else "")

    put(f"{_mark(found['matches'])} {visible(found['title'])} ({found['level']}{state})")
    for detection in found["detections"]:
        put("")
        put(f"{_mark(detection['matches'])} {visible(detection['rule'])}")
        if detection["profiles"] is not None:
            names = ", ".join(detection["profiles"])
            put(f"  {_mark(detection['of_its_source'])} of {names}: it is of {detection['profile'] or 'none'}")
        for line in _tree_lines(detection["condition"], "  "):
            put(visible(line))
    for inner in found["inner"]:
        put("")
        _show_level(inner, ", counted here", f"{indent}  ", utc=utc)
    put("")
    put(f"asks     {_asks(found['asks'])}")
    put(f"group    {visible(_group(found['group'])) or 'one for all'}")
    if found["matches"]:
        why = "" if found["counted"] else f", for {visible(str(found['not_counted']))}"
        put(f"counts   {'yes' if found['counted'] else 'no'}{why}")
    window = found["window"]
    if window is None:
        return
    for name, each in (("now", window["now"]), ("late", window["late"])):
        if each is not None:
            put(f"{name:<8} {visible(_window(each, utc=utc))}")
    if window["now"] is None:
        put("now      nothing of this group is remembered")


def _show_groups(groups: Sequence[Document]) -> None:
    most = max(group["alerts"] for group in groups)
    names = [visible(_group(group["group"])) or "all" for group in groups]
    width = min(60, max(map(len, names)))
    for name, group in zip(names, groups, strict=True):
        drawn = bar(group["alerts"], most, _BAR_CELLS)
        click.echo(f"  {name[:60]:<{width}}  {group['alerts']:>7,}  {_events(group['events']):>16}  {drawn}".rstrip())


def _show_examples(alerts: Sequence[Document], *, utc: bool) -> None:
    for alert in alerts[:_EXAMPLES]:
        about = visible(_group(alert["group"]))
        click.echo(f"  {shown_time(alert['first'], utc)}  {about}  {_events(alert['count'])}")
        for event_id in alert["event_ids"][:_EXAMPLE_EVENTS]:
            click.echo(f"    {event_id}")


def _remarks(rule: Document) -> Iterator[str]:
    counters = rule["counters"]
    told = (
        ("missing_group", "matches lack a field to group by and are not counted"),
        ("missing_value", "matches lack the value that is counted"),
        ("late", "matches came too late to be counted with the others, and were counted by themselves"),
        ("too_late", "matches came too late to be counted at all"),
        ("window_overflow", "matches were forgotten because a window was full ('detect.window_events_max')"),
        ("evicted", "groups were forgotten because the state was full ('detect.state_events_max')"),
    )
    yield from (f"{counters[name]:,} {text}" for name, text in told if counters.get(name))
    if rule["alerts_going_on_at_start"]:
        yield f"{rule['alerts_going_on_at_start']:,} alerts had begun before the range and are not counted"


def _tree_lines(tree: Document, indent: str) -> Iterator[str]:
    mark = _mark(tree["holds"])
    if tree["op"] == "test":
        value = "it has none" if tree["value"] is None else f"it is {msgspec.json.encode(tree['value']).decode()}"
        yield f"{indent}{mark} {tree['field']} {tree['test']}: {value}"
        return
    words = {"all": "all of", "any": "any of", "not": "not"}
    yield f"{indent}{mark} {words[tree['op']]}"
    for arg in tree["args"]:
        yield from _tree_lines(arg, f"{indent}  ")


def _asks(asks: Document) -> str:
    condition = " ".join(
        f"{_OPERATORS.get(operator, operator)} {bound}" for operator, bound in asks.get("condition", {}).items()
    )
    parts = [asks["type"], condition, f"of {', '.join(asks['fields'])}" if asks.get("fields") else ""]
    if asks.get("needs"):
        parts.append(f"{asks['needs']},")
    elif asks.get("rules"):
        parts.append(f"of {', '.join(asks['rules'])}")
    parts.append(f"within {asks['timespan_s']:g} s")
    return " ".join(part for part in parts if part)


def _window(window: Document, *, utc: bool) -> str:
    if "last_heard" in window:
        heard = window["last_heard"]
        words = [f"last heard {shown_time(heard, utc)}" if heard else "never heard of"]
        if window["holds"]:
            words.append(f"silent since {shown_time(window['until'], utc)}")
    elif "told_by" in window:
        words = [f"{window['events']} wait"]
    else:
        until = shown_time(window["until"], utc)
        words = [f"{window['events']} events until {until}, measured {window['measured']:g}"]
    if window.get("seen"):
        words.append(f"seen: {', '.join(window['seen'])}")
    if window.get("told_by"):
        words.append(f"missed from {shown_time(window['until'], utc)} on")
        words.append(f"told at {shown_time(window['told_by'], utc)} if nothing comes")
    elif window["missing"] is not None:
        words.append(f"missing: {window['missing']}")
    if window["holds"] and "last_heard" not in window:
        words.append("the condition holds" if window["decided"] else "the condition holds until something late comes")
    alert = window["alert"]
    if alert is not None:
        words.append(f"alert {alert['id'] or 'just opened'} counts {alert['count']}")
    return "; ".join(words)


def _events(number: int) -> str:
    return f"{number:,} event{'' if number == 1 else 's'}"


def _group(group: Document) -> str:
    return ", ".join(f"{name}={'none' if value is None else value}" for name, value in group.items())


def _mark(holds: bool) -> str:
    return _MARKS[holds]
