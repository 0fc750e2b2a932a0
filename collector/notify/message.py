"""The words of a notification for people: sections of a heading and lines, which each channel dresses in its own way.

What somebody wants to know at three in the morning comes first: what, who, how often, since when, how bad, what the
first events were, what to do, and how to say "I have it".  All of it can come from an event, that is from an attacker:
every line is cut and stripped of characters that move a cursor, and each form escapes what is special in it.
"""

import html
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from collector.notify.document import Document, one_line

_LINE_CHARS: Final = 1000
_COLORS: Final = {"critical": "#a4003a", "high": "#c0392b", "medium": "#b9770e", "low": "#5d6d7e"}
_CALM: Final = "#1e8449"


class Section(NamedTuple):
    """A heading (may be empty), pairs of label and value, and lines of fixed width."""

    heading: str
    pairs: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()


def subject_of(document: Document) -> str:
    """Return the one line that says it all."""
    return one_line(str(document["subject"]))


def sections_of(document: Document) -> list[Section]:
    """Return what a document says, the most urgent first."""
    if document["reason"] in ("digest", "calm"):
        return [_digest(document)]
    alerts: Sequence[dict[str, Any]] = document["alerts"]
    sections = [section for alert in alerts for section in _alert(alert, alone=len(alerts) == 1)]
    if document["omitted"]:
        sections.append(Section("", lines=(f"and {document['omitted']} more: watchbook alerts",)))
    return sections


def plain_text(document: Document) -> str:
    """Return the text of a document, for terminals and mail."""
    parts = [subject_of(document)]
    for section in sections_of(document):
        parts.append("")
        if section.heading:
            parts.append(section.heading)
        width = max((len(label) for label, _ in section.pairs), default=0)
        parts += [f"{label:<{width}}  {value}" for label, value in section.pairs]
        parts += [f"  {line}" for line in section.lines]
    return "\n".join(parts) + "\n"


def html_text(document: Document) -> str:
    """Return the HTML of a document, for mail: no scripts, no pictures, nothing that is fetched."""
    color = _CALM if document["standing"] == "resolved" else _COLORS.get(document["level"], _COLORS["low"])
    body = "".join(map(_html_section, sections_of(document)))
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head>'
        '<body style="font-family:sans-serif;max-width:50em">'
        f'<h2 style="color:{color};margin:0 0 .5em">{html.escape(subject_of(document))}</h2>{body}</body></html>\n'
    )


def _html_section(section: Section) -> str:
    heading = f"<h3>{html.escape(section.heading)}</h3>" if section.heading else ""
    rows = "".join(
        f'<tr><td style="padding-right:1em;vertical-align:top;color:#555">{html.escape(label)}</td>'
        f"<td>{_html_value(value)}</td></tr>"
        for label, value in section.pairs
    )
    lines = html.escape("\n".join(section.lines))
    table = f"<table>{rows}</table>" if rows else ""
    return heading + table + (f'<pre style="white-space:pre-wrap">{lines}</pre>' if lines else "")


def _html_value(value: str) -> str:
    shown = html.escape(value)
    return f'<a href="{shown}">{shown}</a>' if value.startswith(("https://", "http://")) and " " not in value else shown


def _alert(alert: dict[str, Any], *, alone: bool) -> Iterator[Section]:
    pairs = [("What", alert["summary"])]
    if alert.get("description"):
        pairs.append(("", alert["description"]))
    who = ", ".join(f"{name} {'none' if value is None else value}" for name, value in alert["group"].items())
    pairs.append(("Who", who or alert.get("user") or "not said"))
    pairs.append(
        ("How often", f"{alert['count']} event{'' if alert['count'] == 1 else 's'}, last {_time(alert['last'])}")
    )
    pairs.append(("Since", _time(alert["first"])))
    pairs.append(("Level", alert["level"]))
    pairs.append(("Status", _status(alert)))
    yield Section("" if alone else alert["title"], _clean(pairs))
    if alert["evidence"]:
        more = alert["count"] - len(alert["evidence"])
        lines = [*alert["evidence"], *([f"… and {more} more"] if more > 0 else [])]
        yield Section("First events", lines=tuple(_cut(line) for line in lines))
    if alert.get("response") and alert["status"] != "resolved":
        yield Section("What to do", lines=tuple(_cut(line) for line in alert["response"].splitlines() if line.strip()))
    yield Section("", _clean(_next_steps(alert)))


def _next_steps(alert: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    if alert.get("runbook"):
        pairs.append(("Runbook", alert["runbook"]))
    if alert["status"] == "open":
        pairs.append(("Acknowledge", f"watchbook ack {alert['id']}"))
    pairs.append(("Alert", alert["id"]))
    return pairs


def _status(alert: dict[str, Any]) -> str:
    by = f" by {alert['by']}" if alert.get("by") else ""
    note = f": {alert['note']}" if alert.get("note") else ""
    if alert["status"] == "resolved":
        why = f" ({alert['resolution']})" if alert.get("resolution") else ""
        when = f" at {_time(alert['resolved'])}" if alert.get("resolved") else ""
        return f"resolved{by}{why}{when}{note}"
    return f"{alert['status']}{by}{note}, opened {_time(alert['opened'])}"


def _digest(document: Document) -> Section:
    if document["reason"] == "calm":
        return Section("", lines=("For a while nothing was held back: every alert is told on its own again.",))
    lines = []
    for held in document["held"]:
        counts = [(held["new"], "new"), (held["over"], "over"), (held["repeats"], "still there")]
        words = ", ".join(f"{number} {word}" for number, word in counts if number)
        lines.append(_cut(f"{held['level']:<13}  {held['title']}: {words}"))
    pairs = [
        ("Why", "This channel was told as much as it may be ('max_per'); this stands for what it was not told."),
        ("Since", _time(str(document.get("since") or document["time"]))),
        ("See them", "watchbook alerts --status open"),
    ]
    return Section("", _clean(pairs), tuple(lines))


def _clean(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((label, _cut(str(value))) for label, value in pairs)


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LINE_CHARS else f"{line[: _LINE_CHARS - 1]}…"


def _time(text: str) -> str:
    return f"{text[:10]} {text[11:19]} UTC"
