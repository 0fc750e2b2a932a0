"""A first profile from some lines: everything in order, then the samples and what becomes of them."""

import re
from collections.abc import Sequence
from typing import Any, Final

from agent.drafting.detecting import Detected, detect, read_all
from agent.drafting.roles import AFTER, BEFORE, TIMES, Column, Proposed, best_named, columns_of, is_known_verb, propose
from agent.drafting.shapes import TimeForm, time_form
from agent.drafting.templates import (
    SENTENCES_MAX,
    Sentence,
    beginning_of,
    outcome_in,
    sentences_of,
    slugs,
    verb_in,
)
from agent.drafting.writing import Drafted, DraftedCase, written
from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile
from agent.profile.filling import filled
from agent.profile.reading import read_profile
from agent.profile.samples import run_samples
from agent.profile.verbs import verb_of
from agent.records import Redactor
from agent.redact import RedactSettings, make_redactor
from watchbook.clock import format_rfc3339
from watchbook.configfile import parse

#: Samples in a draft.
SAMPLES: Final = 8
#: Longest line that becomes a sample, if there are others.
_SAMPLE_CHARACTERS_MAX: Final = 2000
_TRIED_MAX: Final = 2000
_ONE_PAIR: Final = r'[A-Za-z_][\w.-]*=(?:"[^"]*"|\S*)'
_PAIRS: Final = re.compile(rf"(?P<sentence>.*?)\s*(?P<pairs>{_ONE_PAIR}(?:\s+{_ONE_PAIR})+)")
_ENOUGH: Final = 0.8


class DraftError(Exception):
    """No draft can be made of the lines."""


def draft_profile(name: str, lines: Sequence[bytes], read_us: int) -> str:
    """Return a profile file for lines like these, with up to 8 of them as samples; raises DraftError.

    It loads, and its samples are as it makes them of their lines.
    """
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DraftError("there is no line that is not blank: give some lines of the log")
    detected = detect(lines)
    drafted = _drafted(name, detected, read_us)
    redactor = make_redactor(RedactSettings())
    profile = _compiled(written(drafted, []).replace("samples:\n", ""), redactor)
    samples = _samples(profile, detected.lines, redactor, read_us)
    text = written(drafted, samples, format_rfc3339(read_us))
    definition = read_profile(parse(text, f"{name}.yaml"))
    return filled(text, run_samples(definition, lambda each, include: _compile(each, redactor, include)))


def _compiled(text: str, redactor: Redactor) -> CompiledProfile:
    return _compile(read_profile(parse(text, "draft.yaml")), redactor, ())


def _compile(definition: Definition, redactor: Redactor, include: tuple[str, ...]) -> CompiledProfile:
    return compile_profile(definition, FORMATS, redactor, include=include)


def _drafted(name: str, detected: Detected, read_us: int) -> Drafted:
    """Return what the draft says."""
    if detected.name == "text":
        return _of_text(name, detected, read_us)
    columns = columns_of(detected.values)
    time = _time(list(columns.values()), read_us)
    left = [column for column in columns.values() if time is None or column.path != time[0]]
    if detected.name == "syslog":
        return _of_syslog(name, detected, columns, time)
    changes = _changes(detected)
    if changes is not None:
        left = [each for each in left if not each.path.startswith(tuple(f"{path}." for path in changes))]
    fields = propose(left)
    message = next((each for each in left if each.name in ("message", "msg", "text")), None)
    cases: Sequence[DraftedCase] = ()
    more = 0
    if message is not None and message.path == "message" and not any(each.field == "action" for each in fields):
        cases, more = _cases([str(value) for value in message.values])
    return Drafted(name, detected, time, fields, _constants(name, fields), changes, cases=cases, more_sentences=more)


def _of_syslog(name: str, detected: Detected, columns: dict[str, Column], time: tuple[str, TimeForm] | None) -> Drafted:
    programs = list(columns["program"].words) if "program" in columns else []
    messages = [str(each["message"]) for each in detected.values if each.get("message")]
    cases, more = _cases(messages)
    fields = [Proposed("message", "message", "message")]
    constants = _constants(name, fields)
    return Drafted(
        name, detected, time, fields, constants, None, programs=programs if len(programs) <= 5 else (),
        cases=cases, more_sentences=more,
    )  # fmt: skip


def _of_text(name: str, detected: Detected, read_us: int) -> Drafted:
    """Return the draft of lines that no format reads: what they begin with is a pattern, their sentences are cases."""
    texts = [line.decode(errors="replace") for line in detected.lines]
    beginning = beginning_of(texts)
    form = time_form(beginning.times, read_us) if beginning.times else None
    time = None if form is None else ("time", form)
    paired = [match for rest in beginning.rests if (match := _PAIRS.fullmatch(rest))]
    fields: list[Proposed] = []
    pattern, decode = beginning.regex + r"(?P<message>.*)", {}
    sentences = list(beginning.rests)
    if len(paired) >= _ENOUGH * len(beginning.rests):
        pairs = read_all("logfmt", {}, [match["pairs"].encode() for match in paired])
        columns = columns_of([{"pairs": each} for each in pairs])
        fields = propose([each._replace(name=each.name.removeprefix("pairs_")) for each in columns.values()])
        pattern = beginning.regex + rf"(?P<message>.*?)\s*(?P<pairs>{_ONE_PAIR}(?:\s+{_ONE_PAIR})*)"
        decode = {"pairs": "logfmt"}
        sentences = [match["sentence"] for match in paired if match["sentence"].strip()]
    if not any(each.field == "message" for each in fields):
        fields.append(Proposed("message", "message", "message"))
    if sentences and not any(each.field == "action" for each in fields) and _are_words(sentences):
        fields = [each for each in fields if each.field != "message"]
        fields.append(Proposed("action", "message", "{from: message, as: verb, default: log}"))
    module = next((each for each in ("logger", "program") if each in beginning.names), None)
    if module is not None and not any(each.field == "module" for each in fields):
        fields.append(Proposed("module", module, module))
    cases, more = ((), 0) if any(each.field == "action" for each in fields) else _cases(sentences)
    return Drafted(
        name, detected, time, fields, _constants(name, fields), None, pattern=pattern, decode=decode, cases=cases,
        more_sentences=more,
    )  # fmt: skip


def _are_words(sentences: Sequence[str]) -> bool:
    """Return whether the sentences are single words such as ``order.created``."""
    return all(" " not in each for each in sentences) and any(is_known_verb(each) for each in sentences)


def _time(columns: Sequence[Column], read_us: int) -> tuple[str, TimeForm] | None:
    """Return where the time stands, and how it is written."""

    def fits(column: Column) -> bool:
        return time_form(column.values, read_us) is not None

    named = [*TIMES.split(), "time_local"]
    found = best_named(columns, " ".join(named), fits) or next((each for each in columns if fits(each)), None)
    form = None if found is None else time_form(found.values, read_us)
    return None if found is None or form is None else (found.path, form)


def _changes(detected: Detected) -> tuple[str, str] | None:
    keys = {key for each in detected.values for key in each}
    before = next((key for key in BEFORE.split() if key in keys), None)
    after = next((key for key in AFTER.split() if key in keys), None)
    return None if before is None or after is None else (before, after)


def _constants(name: str, fields: Sequence[Proposed]) -> dict[str, str]:
    named = {each.field: each for each in fields}
    constants = {} if "module" in named else {"module": name}
    if "action" not in named:
        constants["action"] = "log"
    resource = named.get("resource.id")
    if resource is not None and "resource.type" not in named:
        kind = re.sub(r"_?(id|name|path|number|no)$", "", resource.path.rpartition(".")[2].lower())
        if kind and kind not in ("resource", "object", "target", "item", "entity"):
            constants["resource.type"] = re.sub(r"[^a-z0-9]+", "_", kind)
    return constants


def _cases(texts: Sequence[str]) -> tuple[list[DraftedCase], int]:
    """Return a case for each of the frequent sentences that tell of something done, and how many others there are."""
    sentences = [each for each in sentences_of(texts) if each.variables or verb_in(each.words)]
    telling = [each for each in sentences if verb_in(each.words) or outcome_in(each.words)][:SENTENCES_MAX]
    cases = [_case(name, each) for name, each in zip(slugs(telling), telling, strict=True)]
    return cases, len(sentences) - len(telling)


def _case(name: str, sentence: Sentence) -> DraftedCase:
    columns = [Column(each.name, each.name, each.values) for each in sentence.variables]
    changes = _changes_of(sentence)
    free = [each for each in columns if changes is None or each.path not in changes]
    fields = [each for each in propose(free) if each.field not in ("action", "message", "outcome")]
    fields += _thing(columns, fields)
    constants, remark = _deed(sentence)
    resource = next((each for each in fields if each.field == "resource.id"), None)
    if resource is not None and resource.path not in ("id", "path", "target", "object"):
        constants["resource.type"] = resource.path
    if not any(each.field in ("actor.id", "source.ip") for each in fields):
        constants["actor.type"] = "system"
    return DraftedCase(name, sentence.regex, fields, constants, changes, remark)


def _deed(sentence: Sentence) -> tuple[dict[str, str], str]:
    """Return what a sentence tells for certain, and what a human must decide."""
    word = verb_in(sentence.words)
    verb = verb_of(word) if word else None
    constants = {"action": "log" if verb is None else verb.action}
    if verb is not None and verb.category is not None:
        constants["category"] = verb.category
    outcome = outcome_in(sentence.words)
    if outcome is None and word is not None and word.endswith("ed"):
        outcome = "success"
    if outcome is not None:
        constants["outcome"] = outcome
    return constants, "which verb is it?" if verb is None else ""


def _thing(columns: Sequence[Column], fields: Sequence[Proposed]) -> list[Proposed]:
    """Return what was acted on, when no name tells: the first part of the sentence that is called after a noun."""
    taken = {each.path for each in fields}
    if any(each.field == "resource.id" for each in fields):
        return []
    for column in columns:
        if column.path not in taken and column.path not in ("value", "from", "to", "reason", "duration", "path"):
            return [Proposed("resource.id", column.path, column.path)]
    return []


def _changes_of(sentence: Sentence) -> tuple[str, str, str] | None:
    """Return (field, old, new) of a sentence that says what was changed from what to what."""
    names = [each.name for each in sentence.variables]
    verb = verb_in(sentence.words)
    if "from" not in names or "to" not in names or verb is None or verb_of(verb).action != "update":  # type: ignore[union-attr]
        return None
    before = [name for name in names[: names.index("from")] if name not in ("ip", "user", "actor")]
    return (before[-1], "from", "to") if before else None


def _samples(
    profile: CompiledProfile, lines: Sequence[bytes], redactor: Redactor, read_us: int
) -> list[tuple[str, str]]:
    """Return (note, redacted line) of lines that differ most in what becomes of them."""
    chosen: dict[str, tuple[str, str]] = {}
    others: list[tuple[str, str]] = []
    by_length = sorted(lines, key=lambda line: len(line) > _SAMPLE_CHARACTERS_MAX)
    for line in by_length[:_TRIED_MAX]:
        text = redactor.text(line.decode(errors="replace"))
        if "\n" in text or "\r" in text or "\N{REPLACEMENT CHARACTER}" in text:
            continue
        note, signature = _noted(profile, text, read_us)
        if signature not in chosen and len(chosen) < SAMPLES:
            chosen[signature] = (note, text)
        elif len(others) < SAMPLES and (note, text) not in others:
            others.append((note, text))
    return [*chosen.values(), *others][:SAMPLES]


def _noted(profile: CompiledProfile, text: str, read_us: int) -> tuple[str, str]:
    """Return a note on what becomes of a line, and what makes it like others."""
    made = profile([text.encode()], read_us)
    if not made.rows:
        reason = made.unparsed[0].reason if made.unparsed else "no event"
        return "not understood yet", reason.partition(":")[0]
    event: dict[str, Any] = {**profile.constants, **dict(zip(profile.fields, made.rows[0], strict=True))}
    told = [str(event[name]) for name in ("action", "outcome", "reason") if event.get(name)]
    filled_in = ",".join(name for name, value in event.items() if value is not None)
    return " ".join(told)[:60], f"{event.get('action')} {event.get('outcome')} {filled_in}"
