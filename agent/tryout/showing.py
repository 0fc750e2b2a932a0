"""Lines beside their events, as text or JSON; and the summary."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import click

from agent.tryout.deciding import Candidate, Tried, TriedEvent, Verdict, look
from agent.tryout.summary import BLANK, UNPARSED, Summary
from watchbook.event import FIELD_NAMES, nest

Write = Callable[[str], None]
Only = Literal["unparsed", "dropped", "events"]
#: Reasons that are shown one by one; of more those that are alike are put together, with so many names.
_REASONS_MAX: Final = 6
_NAMES_MAX: Final = 3
#: Rows of a table of the summary.
_ROWS_MAX: Final = 20


class Shower:
    """Writes what became of lines, in whole lines without a newline, and counts it in ``summary``.

    ``only``: just the lines that fared so.  ``paints``: with colours, for a terminal.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        write: Write,
        *,
        as_json: bool = False,
        only: Only | None = None,
        paints: bool = False,
    ) -> None:
        self._candidates = candidates
        self._write = write
        self._as_json = as_json
        self._only = only
        self._paints = paints
        self.summary = Summary()

    def show(self, verdicts: Sequence[Verdict], read_us: int) -> None:
        """Write what became of some lines, and count it."""
        self.summary.add(verdicts, self._candidates, read_us)
        for verdict in verdicts:
            if verdict.is_blank or (self._only == "unparsed" and verdict.winner):
                continue
            tried = look(verdict, self._candidates, read_us)
            if self._is_wanted(tried):
                for text in [_json(tried)] if self._as_json else self._text(tried):
                    self._write(text)

    def finish(self, note: str | None = None) -> None:
        """Write the summary; ``note`` says why there may be more than was read."""
        if self._as_json:
            self._write(json.dumps(self.summary.as_json() | ({} if note is None else {"note": note})))
            return
        for text in self._summary():
            self._write(text)
        if note is not None:
            self._write(note)

    def _is_wanted(self, tried: Tried) -> bool:
        gone = bool(tried.dropped) or any(event.decided and not event.decided[1] for event in tried.events)
        if self._only == "unparsed":
            return tried.verdict.winner is None
        if self._only == "dropped":
            return gone
        return self._only is None or bool(tried.events)

    def _text(self, tried: Tried) -> Iterator[str]:
        verdict = tried.verdict
        name, colour = (verdict.winner.name, "green") if verdict.winner else (UNPARSED, "red")
        yield f"{verdict.number}  {self._painted(name, bold=True, fg=colour)}{_why(tried)}"
        yield from (f"    {_printable(part)}" for part in tried.raw.split("\n"))
        if verdict.winner is None:
            named = _named_reasons(verdict.reasons)
            width = max(12, *map(len, named))
            for each, reason in named.items():
                yield f"    {each:<{width}} {self._painted(_printable(reason), fg='red')}"
        for kind in tried.dropped:
            yield f"    {self._painted(f'dropped: of the kind {kind!r}, which is off', fg='yellow')}"
        for number, event in enumerate(tried.events, 1):
            if len(tried.events) > 1:
                yield f"    event {number} of {len(tried.events)}"
            yield from self._event(event)
        if tried.redacted:
            yield f"    {self._painted(f'redacted: {_counts(tried.redacted)}', fg='yellow')}"
        yield ""

    def _event(self, tried: TriedEvent) -> Iterator[str]:
        parts = {"pattern": tried.pattern, "case": tried.case}
        if said := ", ".join(f"{part} {name}" for part, name in parts.items() if name is not None):
            yield f"    {self._painted(said, dim=True)}"
        flat = {**tried.event, "time": nest({"time": tried.event["time"]})["time"]}
        width = max(map(len, flat))
        for name in FIELD_NAMES:
            if name in flat:
                origin = tried.origins.get(name)
                behind = "" if origin is None else self._painted(f"  <- {_printable(origin)}", dim=True)
                yield f"    {self._painted(f'{name:<{width}}', fg='cyan')}  {_shown(flat[name])}{behind}"
        if tried.decided is not None:
            rule, kept = tried.decided
            fate = f"kept as a sample by the rule {rule!r}" if kept else f"dropped by the rule {rule!r}"
            yield f"    {self._painted(fate, fg='yellow')}"

    def _summary(self) -> Iterator[str]:
        counts = self.summary
        n = counts.n
        ways = ", ".join(f"{name} {count}" for name, count in counts.lines.most_common())
        yield self._painted(f"{n} line{'' if n == 1 else 's'}{': ' if ways else ''}{ways}", bold=True)
        for title, table in (
            ("why lines stayed unparsed", counts.reasons),
            ("dropped, by rule", counts.dropped),
            ("kept as samples, by rule", counts.kept),
            ("redacted, by rule", counts.redacted),
            ("events with a flag", counts.flags),
        ):
            yield from _table(title, table)

    def _painted(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._paints else text


def _why(tried: Tried) -> str:
    """Return why the profile that won did, as the end of a heading."""
    verdict = tried.verdict
    winner = verdict.winner
    if winner is None or len(verdict.filled) < 2:
        return ""
    others = ", ".join(f"{name} {count}" for name, count in verdict.filled.items() if name != winner.name)
    reason = "it knows such lines" if winner.is_specific else "it fills most fields"
    return f"  (best of {len(verdict.filled)}: {reason}: {verdict.filled[winner.name]}; {others})"


def _named_reasons(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return reasons by who gives them: a profile, or the many that give the same."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    if len(reasons) <= _REASONS_MAX:
        return dict(reasons)
    named: dict[str, str] = {}
    for reason, names in by_reason.items():
        more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
        named[", ".join(names[:_NAMES_MAX]) + more] = reason
    return named


def _json(tried: Tried) -> str:
    verdict = tried.verdict
    shown: dict[str, Any] = {"line": verdict.number, "profile": verdict.winner.name if verdict.winner else None}
    if verdict.winner is None:
        shown["reasons"] = dict(verdict.reasons)
    elif len(tried.events) == 1:
        shown |= _event_json(tried.events[0])
    elif tried.events:
        shown["events"] = [_event_json(event) for event in tried.events]
    if len(verdict.filled) > 1:
        shown["filled"] = dict(verdict.filled)
    if tried.dropped:
        shown["dropped"] = list(tried.dropped)
    if tried.redacted:
        shown["redacted"] = dict(tried.redacted)
    shown["raw"] = tried.raw
    return json.dumps(shown, ensure_ascii=False)


def _event_json(tried: TriedEvent) -> dict[str, Any]:
    shown: dict[str, Any] = {"event": nest(tried.event), "origins": dict(tried.origins)}
    shown |= {name: value for name, value in (("pattern", tried.pattern), ("case", tried.case)) if value is not None}
    if tried.decided is not None:
        shown["rule"], shown["kept"] = tried.decided
    return shown


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _printable(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _printable(text: str) -> str:
    """Return a text as it is, or quoted when it would upset a terminal."""
    return text if text.isprintable() else json.dumps(text)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _table(title: str, counts: Any) -> Iterable[str]:
    if not counts:
        return
    yield f"{title}:"
    width = len(str(max(counts.values())))
    for name, count in counts.most_common(_ROWS_MAX):
        yield f"  {count:>{width}}  {name}"
    if len(counts) > _ROWS_MAX:
        yield f"  and {len(counts) - _ROWS_MAX} more"


__all__ = ["BLANK", "UNPARSED", "Shower"]
