"""The draft as YAML, with a comment wherever a human must decide."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.drafting.detecting import Detected
from agent.drafting.roles import Proposed, quoted
from agent.drafting.shapes import TimeForm
from watchbook.event import CATEGORIES

#: What a draft marks a place with at which a human must look.
LOOK: Final = "LOOK:"


class DraftedCase(NamedTuple):
    """A case: its name, the regular expression of its sentence, what its fields come from, and fixed fields.

    ``changes``: the paths of what was changed, from what, to what.
    """

    name: str
    regex: str
    fields: Sequence[Proposed]
    constants: Mapping[str, str]
    changes: tuple[str, str, str] | None = None
    remark: str = ""


class Drafted(NamedTuple):
    """Everything that a draft says, before it is written.

    ``pattern``: the regular expression of whole lines of text.  ``decode``: what is taken apart within.
    ``programs``: those that write to this syslog.  ``time``: the path of the time and how it is written.
    """

    name: str
    detected: Detected
    time: tuple[str, TimeForm] | None
    fields: Sequence[Proposed]
    constants: Mapping[str, str]
    changes: tuple[str, str] | None
    pattern: str | None = None
    decode: Mapping[str, str] = {}
    programs: Sequence[str] = ()
    cases: Sequence[DraftedCase] = ()
    more_sentences: int = 0


def written(draft: Drafted, samples: Sequence[tuple[str, str]], read: str = "") -> str:
    """Return the text of the profile; ``samples`` are (note, line), whose events are still to be filled in.

    ``read``: when the lines were read, for times that do not name their year.
    """
    needs_year = draft.time is None or draft.time[1].format == "syslog"
    said = _samples(samples, read if needs_year else "")
    return "\n".join([*_head(draft), *_format(draft), *_time(draft), *_body(draft), *said]) + "\n"


def _head(draft: Drafted) -> Iterator[str]:
    detected = draft.detected
    n = len(detected.lines)
    yield f"# A first draft, made from {n} line{'' if n == 1 else 's'}. Where it says {LOOK} a human must decide."
    yield "# The samples at the end are lines of yours, redacted: see that they hold nothing that must stay private."
    yield f"# Found: {detected.words}."
    if detected.wrapper is not None:
        yield f"# {LOOK} these lines stand in the wrapper of a container's log."
        yield f"#   Give the input in agent.yaml: unwrap: {detected.wrapper}"
    yield f"profile: {draft.name}"
    yield f"description: The log of {draft.name}.   # {LOOK} say in a sentence what this log tells"


def _format(draft: Drafted) -> Iterator[str]:
    name, options = draft.detected.name, draft.detected.options
    if not options:
        yield f"format: {name}"
    else:
        parts = ", ".join(f"{key}: {_flow(value)}" for key, value in options.items())
        unnamed = name == "csv" and options["columns"][0] == "column_1"
        yield f"format: {{name: {name}, {parts}}}{f'   # {LOOK} name the columns' if unnamed else ''}"
    if draft.programs:
        yield f"match: {{program: {_flow(list(draft.programs))}}}"


def _time(draft: Drafted) -> Iterator[str]:
    if draft.time is None:
        yield f"# {LOOK} no time was found. With it: time: {{from: PATH, format: '%d.%m.%Y %H:%M:%S'}}"
        return
    path, form = draft.time
    parts = [f"from: {quoted(path)}", f"format: {form.format if '%' not in form.format else _flow(form.format)}"]
    remarks = []
    if not form.has_zone:
        parts.append("zone: UTC")
        remarks.append("these times name no zone: which one are they in?")
    if form.others:
        remarks.append(f"they would fit {form.others[0]} too")
    yield f"time: {{{', '.join(parts)}}}{f'   # {LOOK} ' + '; '.join(remarks) if remarks else ''}"


def _body(draft: Drafted) -> Iterator[str]:
    if draft.fields:
        yield "fields:"
        yield from (f"  {line}" for line in _fields(draft.fields))
    named = {each.field for each in draft.fields}
    if not any(field == "actor.id" or "actor.id" in named for field in named) and not _in_cases(draft, "actor.id"):
        yield (
            f"  # {LOOK} who did it? actor.id: PATH"
            if draft.fields
            else f"# {LOOK} who did it? fields: {{actor.id: PATH}}"
        )
    if "category" not in draft.constants:
        yield f"# {LOOK} what kind of activity is it? Add to the constants: category: one of"
        yield f"#   {', '.join(sorted(CATEGORIES))}"
    yield "constants:"
    yield from (f"  {field}: {quoted(value)}" for field, value in draft.constants.items())
    if draft.changes is not None:
        yield f"changes: {{before: {quoted(draft.changes[0])}, after: {quoted(draft.changes[1])}}}"
    if draft.pattern is not None:
        yield "patterns:"
        yield "  - name: line"
        yield "    of: line"
        yield f"    match: {_single(draft.pattern)}"
    if draft.decode:
        yield f"decode: {{{', '.join(f'{quoted(path)}: {name}' for path, name in draft.decode.items())}}}"
    yield from _cases(draft)


def _in_cases(draft: Drafted, field: str) -> bool:
    return any(each.field == field for case in draft.cases for each in case.fields)


def _fields(fields: Sequence[Proposed]) -> Iterator[str]:
    for each in fields:
        remark = f"   # {LOOK} {each.remark}" if each.remark else ""
        yield f"{each.field}: {each.source}{remark}"


def _cases(draft: Drafted) -> Iterator[str]:
    if not draft.cases:
        return
    if draft.more_sentences:
        yield f"# {LOOK} {draft.more_sentences} other sentences have no case: they are events of the profile itself."
    yield "cases:"
    for case in draft.cases:
        yield f"  - name: {case.name}{f'   # {LOOK} {case.remark}' if case.remark else ''}"
        yield "    of: message"
        yield f"    match: {_single(case.regex)}"
        if case.fields:
            yield "    fields:"
            yield from (f"      {line}" for line in _fields(case.fields))
        if case.constants:
            constants = ", ".join(f"{field}: {quoted(value)}" for field, value in case.constants.items())
            yield f"    constants: {{{constants}}}"
        if case.changes is not None:
            field, old, new = case.changes
            yield f"    changes: {{field: {field}, old: {old}, new: {new}}}"


def _samples(samples: Sequence[tuple[str, str]], read: str) -> Iterator[str]:
    yield "samples:"
    for note, line in samples:
        yield f"  - note: {_single(note)}"
        yield f"    line: {_single(line)}"
        if read:
            yield f"    read: {_single(read)}"


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _single(value) if value.isprintable() else _double(value)


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else _double(text)


def _double(text: str) -> str:
    from json import dumps

    return dumps(text)
