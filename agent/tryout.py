"""The try view: what became of each line of a file, and why a line stayed unparsed.

It writes to a function and returns what it counted, so that the command line stays thin and tests need no terminal.
Profiles compiled with ``keep_raw`` show the (redacted) line beside its event.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.records import Normaliser
from watchbook.event import FIELD_NAMES, nest

UNPARSED: Final = "unparsed"
BLANK: Final = "blank"

Write = Callable[[str], None]


class Tried(NamedTuple):
    """What became of a line: the profile that understood it and its event in flat form, or every profile's reason.

    ``raw`` is the redacted line, None when no profile kept it.  Without an event and without reasons it is blank.
    """

    number: int
    profile: str | None
    event: dict[str, Any] | None
    reasons: dict[str, str]
    raw: str | None


def try_lines(
    lines: Iterable[bytes],
    profiles: Sequence[Normaliser],
    *,
    read_us: int,
    write: Write,
    as_json: bool = False,
    redacted: Mapping[str, Mapping[str, int]] | None = None,
) -> Counter[str]:
    """Write what becomes of each line (without its newline), then a summary; return how many lines went which way.

    With several profiles each line shows the one that fills the most fields.  ``write`` is given whole lines without a
    newline.  The counter is by profile name, with UNPARSED and BLANK for the others.  ``redacted`` are the counts of
    what each profile's redactor takes out, by rule: the summary has those of the lines that a profile shows.
    """
    counts: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        before = {name: Counter(rules) for name, rules in (redacted or {}).items()}
        tried = try_line(number, line, profiles, read_us)
        shown_by = tried.profile or next(iter(tried.reasons), "")
        if redacted is not None and shown_by in redacted:
            taken += Counter(redacted[shown_by]) - before[shown_by]
        counts[tried.profile or (UNPARSED if tried.reasons else BLANK)] += 1
        if tried.profile or tried.reasons:
            for text in [_json(tried)] if as_json else _text(tried):
                write(text)
    if as_json:
        write(json.dumps({"summary": dict(counts)} | ({} if redacted is None else {"redacted": dict(taken)})))
    else:
        write(_summary(counts))
        if redacted is not None:
            write(f"redacted: {', '.join(f'{rule} {count}' for rule, count in taken.most_common()) or 'nothing'}")
    return counts


def try_line(number: int, line: bytes, profiles: Sequence[Normaliser], read_us: int) -> Tried:
    """Return what the profiles make of a line; the one that fills the most fields wins, the first of equals."""
    best: Tried | None = None
    reasons: dict[str, str] = {}
    raw: str | None = None
    for profile in profiles:
        made = profile([line], read_us)
        if made.unparsed:
            reasons[profile.name], raw = made.unparsed[0].reason, made.unparsed[0].raw
        if not made.rows:
            continue
        event = {**profile.constants, **dict(zip(profile.fields, made.rows[0], strict=True))}
        event = {name: value for name, value in event.items() if value is not None}
        if best is None or best.event is None or len(event) > len(best.event):
            best = Tried(number, profile.name, event, {}, event.pop("raw", None))
    return best or Tried(number, None, None, reasons, raw)


def _json(tried: Tried) -> str:
    shown: dict[str, Any] = {"line": tried.number, "profile": tried.profile}
    if tried.event is not None:
        shown["event"] = nest(tried.event)
    else:
        shown["reasons"] = tried.reasons
    if tried.raw is not None:
        shown["raw"] = tried.raw
    return json.dumps(shown, ensure_ascii=False)


def _text(tried: Tried) -> list[str]:
    heading = f"{tried.number}  {tried.profile or UNPARSED}"
    raw = [] if tried.raw is None else [f"    {_one_line(tried.raw)}"]
    if tried.event is None:
        body = [f"    {name:<12} {_one_line(reason)}" for name, reason in tried.reasons.items()]
    else:
        flat = {**tried.event, "time": nest({"time": tried.event["time"]})["time"]}
        width = max(map(len, flat))
        body = [f"    {name:<{width}}  {_shown(flat[name])}" for name in FIELD_NAMES if name in flat]
    return [heading, *raw, *body, ""]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _one_line(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _one_line(text: str) -> str:
    """Return a text as it is, or quoted when it would upset a terminal."""
    return text if text.isprintable() else json.dumps(text)


def _summary(counts: Counter[str]) -> str:
    lines = sum(counts.values())
    ways = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return f"{lines} line{'' if lines == 1 else 's'}{': ' if ways else ''}{ways}"
