"""Why a rule matches an event or does not: every test of its condition with the value it saw, and what it would count.

An explanation is plain values, ready for JSON.  A condition is a tree of ``{op, holds, …}``: ``all``, ``any`` and
``not`` have ``args``, ``test`` has the ``field``, the ``test`` in words and the ``value`` of the event (null: it has
none).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.block import BlockInfo, DecodedBlock, Identity
from collector.detect.compiled import Compiled
from collector.detect.condition import Condition
from collector.detect.exceptions import Exceptions
from collector.detect.expression import And, Atom, Equals, Expression, Not
from collector.detect.fields import resolve, split_object
from collector.detect.grouping import scalar, values_of
from collector.detect.matcher import Matcher
from collector.detect.rule import Rule
from collector.detect.values import number_of
from collector.detect.view import BatchView
from collector.detect.wording import test_words
from collector.finding import GroupValue
from watchbook.clock import SECOND_US
from watchbook.wire import Batch

Document = dict[str, Any]
_VALUE_CHARS_MAX: Final = 500
_TEXTS_SHOWN: Final = 12


def block_of(event: Mapping[str, Any], identity: Identity) -> DecodedBlock:
    """Return one event in flat form as a block of its own."""
    time = int(event["time"])
    number = identity.number
    info = BlockInfo(number, 1, time, time, identity.received, identity.stream, identity.sequence, "", 0)
    return DecodedBlock(info, Batch(1, {name: [value] for name, value in event.items()}))


def explain_match(
    rule: Rule, documents: Sequence[Compiled], block: DecodedBlock, exceptions: Exceptions | None = None
) -> Document:
    """Return what a rule makes of the one event of a block; ``documents``: those that it was read with."""
    view = BatchView(block.batch, block.numbers())
    detections = [
        _detection(matcher.expression, document, view)
        for matcher, document in zip(rule.matchers, documents_of(rule, documents), strict=True)
    ]
    matched = [place for place, each in enumerate(detections) if each["matches"]]
    group = group_of(rule, view, matched[0] if matched else 0)
    why_not = _why_not(rule, view, block, matched, group, exceptions) if matched else None
    return {
        "id": rule.brief.id,
        "title": rule.brief.title,
        "level": rule.brief.level,
        "matches": bool(matched),
        "detections": detections,
        "group": dict(zip(rule.group_by, group, strict=True)),
        "asks": asks(rule, names_of(rule, documents)),
        "counted": bool(matched) and why_not is None,
        "not_counted": why_not,
    }


def documents_of(rule: Rule, documents: Sequence[Compiled]) -> list[Compiled]:
    """Return the document that each matcher of a rule stands for."""
    by_name = {name: document for document in documents for name in document.names}
    own = by_name[rule.brief.id]
    names = (rule.brief.id,) if own.correlation is None else own.correlation.rules
    return [each for each in map(by_name.__getitem__, names) if each.correlation is None]


def names_of(rule: Rule, documents: Sequence[Compiled]) -> list[str]:
    """Return what the rules are called that a rule refers to, in order; of a detection its own name."""
    by_name = {name: document for document in documents for name in document.names}
    own = by_name[rule.brief.id]
    names = (rule.brief.id,) if own.correlation is None else own.correlation.rules
    return [_name(by_name[name]) for name in names]


def group_of_event(rule: Rule, block: DecodedBlock) -> tuple[GroupValue, ...]:
    """Return the group of a rule that the one event of a block is of, whether or not it matches."""
    view = BatchView(block.batch, block.numbers())
    matched = (place for place, matcher in enumerate(rule.matchers) if matcher(view))
    return group_of(rule, view, next(matched, 0))


def group_of(rule: Rule, view: BatchView, matcher: int) -> tuple[GroupValue, ...]:
    """Return the values by which the one event of a view is grouped."""
    return tuple(values_of(view, name, split_object(name), [0])[0] for name in rule.fields_of(matcher))


def asks(rule: Rule, names: Sequence[str]) -> Document:
    """Return what a rule asks of the matches of a group; ``names`` are those of the rules that it refers to."""
    condition = rule.condition
    asked: Document = {"type": condition.kind, "group_by": list(rule.group_by), "timespan_s": rule.span_us / SECOND_US}
    if len(names) > 1:
        asked["rules"] = list(names)
    if condition.enough is None and condition.kind not in ("temporal", "temporal_ordered"):
        asked["condition"] = {condition.operator: _plain_number(condition.bound)}
    if condition.fields:
        asked["fields"] = list(condition.fields)
    return asked


def _detection(expression: Expression, document: Compiled, view: BatchView) -> Document:
    tree = _tree(expression, view)
    profile = view.values("origin.profile")[0]
    return {
        "rule": _name(document),
        "matches": tree["holds"],
        "logsource": str(document.source),
        "profiles": None if document.profiles is None else list(document.profiles),
        "profile": profile,
        "of_its_source": document.profiles is None or profile in document.profiles,
        "condition": tree,
    }


def _tree(expression: Expression, view: BatchView) -> Document:
    if isinstance(expression, Atom):
        return {
            "op": "test",
            "holds": bool(Matcher(expression)(view)),
            "field": expression.field,
            "test": _words(expression),
            "value": _shown(_seen(view, expression.field)),
        }
    if isinstance(expression, Not):
        inner = _tree(expression.arg, view)
        return {"op": "not", "holds": not inner["holds"], "args": [inner]}
    args = [_tree(arg, view) for arg in expression.args]
    is_all = isinstance(expression, And)
    held = [arg["holds"] for arg in args]
    return {"op": "all" if is_all else "any", "holds": all(held) if is_all else any(held), "args": args}


def failed_tests(tree: Document, *, wanted: bool = True) -> list[Document]:
    """Return the tests of a tree that stand in the way of its being as ``wanted``: whose outcome must change.

    Of alternatives, none of which holds, those with the fewest tests in the way.
    """
    if tree["holds"] == wanted:
        return []
    if tree["op"] == "test":
        return [tree]
    if tree["op"] == "not":
        return failed_tests(tree["args"][0], wanted=not wanted)
    every = (tree["op"] == "all") == wanted
    found = [failed_tests(arg, wanted=wanted) for arg in tree["args"] if arg["holds"] != wanted]
    return [test for tests in found for test in tests] if every else min(found, key=len)


def _why_not(
    rule: Rule,
    view: BatchView,
    block: DecodedBlock,
    matched: Sequence[int],
    group: Sequence[GroupValue],
    exceptions: Exceptions | None,
) -> str | None:
    """Return why an event that matches does not count, None when it does."""
    if exceptions is not None:
        found = {place: [0] for place in matched}
        if not exceptions.left(rule.brief.id, block.info, view, found, replay=True):
            return "an exception of the rule holds for it"
    if rule.missing == "skip" and None in group:
        missing = [name for name, value in zip(rule.group_by, group, strict=True) if value is None]
        return f"it has no {', '.join(missing)} to group by"
    return _why_no_value(rule.condition, view)


def _why_no_value(condition: Condition, view: BatchView) -> str | None:
    for name in condition.fields:
        value = values_of(view, name, split_object(name), [0])[0]
        if value is None:
            return f"it has no {name}, whose values the rule counts"
        if condition.kind != "value_count" and number_of(value) is None:
            return f"its {name} is no number: {_shown(value)!r}"
    return None


def _seen(view: BatchView, field: str) -> Any:
    place = split_object(field)
    if place is None:
        value = view.values(field)[0]
        return scalar(value) if isinstance(value, list | dict) else value
    return resolve(view.decoder(place[0])(0), place[1])


def _words(atom: Atom) -> str:
    test = atom.test
    if isinstance(test, Equals) and len(test.texts) > _TEXTS_SHOWN:
        texts = sorted(test.texts)
        more = f" and {len(texts) - _TEXTS_SHOWN} more"
        return f"{test_words(Equals(frozenset(texts[:_TEXTS_SHOWN]), test.cased))}{more}"
    return test_words(test)


def _shown(value: Any) -> Any:
    text = value if isinstance(value, str) else None
    return f"{text[:_VALUE_CHARS_MAX]}…" if text is not None and len(text) > _VALUE_CHARS_MAX else value


def _name(document: Compiled) -> str:
    return document.name or document.brief.title


def _plain_number(bound: float) -> int | float:
    return int(bound) if float(bound).is_integer() else bound
