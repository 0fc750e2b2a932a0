"""Why a rule matches an event or does not: every test of its condition with the value it saw, and what it would count.

An explanation is plain values, ready for JSON.  A condition is a tree of ``{op, holds, …}``: ``all``, ``any`` and
``not`` have ``args``, ``test`` has the ``field``, the ``test`` in words and the ``value`` of the event (null: it has
none).  A correlation that counts other correlations has an explanation of each of these in ``inner``: an event that one
of them matches counts for the outer one by way of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from collector.block import BlockInfo, DecodedBlock, Identity
from collector.detect.compiled import Compiled
from collector.detect.condition import TEMPORAL, Condition
from collector.detect.counting import RuleState
from collector.detect.exceptions import Exceptions
from collector.detect.expression import And, Atom, Equals, Expression, Not
from collector.detect.fields import resolve, split_object
from collector.detect.grouping import scalar, values_of
from collector.detect.looking import Remembered, remembered_of
from collector.detect.matcher import Matcher
from collector.detect.rule import Fed, Rule, Silence
from collector.detect.values import number_of
from collector.detect.view import BatchView
from collector.detect.wording import needs_words, test_words
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
    rule: Rule,
    documents: Sequence[Compiled],
    block: DecodedBlock,
    exceptions: Exceptions | None = None,
    remembered: Remembered | None = None,
) -> Document:
    """Return what a rule makes of the one event of a block; ``documents``: those that it was read with.

    ``remembered``: what an engine knows of the rule; without it there is no ``window``.
    """
    return _Explaining(rule.brief.id, documents, block, exceptions).explained(rule, remembered)


class _Explaining:
    """Explains a rule and those that it counts; the exceptions of the outermost hold for all of them."""

    def __init__(
        self, rule_id: str, documents: Sequence[Compiled], block: DecodedBlock, exceptions: Exceptions | None
    ) -> None:
        self._rule_id = rule_id
        self._documents = documents
        self._block = block
        self._exceptions = exceptions
        self._view = BatchView(block.batch, block.numbers())

    def explained(self, outer: Rule, remembered: Remembered | None) -> Document:
        rule = asking(outer)
        if remembered is not None and rule is not outer:
            remembered = remembered.awaiting()
        inner = [
            self.explained(fed.rule, None if remembered is None else remembered.inner(fed.place)) for fed in rule.fed
        ]
        detections = [
            _detection(matcher.expression, document, self._view)
            for matcher, document in zip(rule.matchers, _own_documents(rule, self._documents), strict=True)
        ]
        matched = [place for place, each in enumerate(detections) if each["matches"]]
        group = _group_of(rule, self._view, matched, inner)
        matches = bool(matched) or any(each["matches"] for each in inner)
        why_not = self._why_not(rule, matched, inner, group) if matches else None
        names = names_of(rule, self._documents)
        return {
            "id": rule.brief.id,
            "title": rule.brief.title,
            "level": rule.brief.level,
            "matches": matches,
            "detections": detections,
            "inner": inner,
            "group": dict(zip(rule.group_by, group, strict=True)),
            "asks": asks(rule, names),
            "counted": matches and why_not is None,
            "not_counted": why_not,
            "window": None if remembered is None else remembered.window(group, self._block.info.stream, names),
        }

    def _why_not(
        self, rule: Rule, matched: Sequence[int], inner: Sequence[Document], group: Sequence[GroupValue]
    ) -> str | None:
        """Return why an event that matches does not count, None when it does."""
        by_inner = [each for each in inner if each["matches"]]
        if any(each["counted"] for each in by_inner):
            return None
        if not matched:
            return str(by_inner[0]["not_counted"])
        if self._exceptions is not None:
            found = {place: [0] for place in matched}
            if not self._exceptions.left(self._rule_id, self._block.info, self._view, found, replay=True):
                return "an exception of the rule holds for it"
        if rule.missing == "skip" and None in group:
            missing = [name for name, value in zip(rule.group_by, group, strict=True) if value is None]
            return f"it has no {', '.join(missing)} to group by"
        return _why_no_value(rule.condition, self._view)


def window_of(
    outer: Rule, state: RuleState, key: tuple[GroupValue, ...], stream: str, names: Sequence[str]
) -> Document:
    """Return what is remembered of a group of a rule; see :meth:`Remembered.window`."""
    remembered = remembered_of(state)
    return (remembered if asking(outer) is outer else remembered.awaiting()).window(key, stream, names)


def asking(rule: Rule) -> Rule:
    """Return the rule that says what is asked: of one about what did not happen, that which waits for it."""
    inner = rule.fed[0].rule if len(rule.fed) == 1 else rule
    return inner if inner.brief.id == rule.brief.id else rule


def documents_of(outer: Rule, documents: Sequence[Compiled]) -> list[Compiled]:
    """Return the document that each matcher stands for, of a rule and then of those that it counts."""
    rule = asking(outer)
    return [*_own_documents(rule, documents), *(each for fed in rule.fed for each in documents_of(fed.rule, documents))]


def detections_of(explained: Document) -> Iterator[Document]:
    """Yield what an explanation says of each matcher, in the order of :func:`documents_of`."""
    yield from explained["detections"]
    for inner in explained["inner"]:
        yield from detections_of(inner)


def _own_documents(rule: Rule, documents: Sequence[Compiled]) -> list[Compiled]:
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


def group_of_event(outer: Rule, block: DecodedBlock) -> tuple[GroupValue, ...]:
    """Return the group of a rule that the one event of a block is of, whether or not it matches."""
    rule, view = asking(outer), BatchView(block.batch, block.numbers())
    matched = [place for place, matcher in enumerate(rule.matchers) if matcher(view)]
    inner = [
        {"matches": is_match(fed.rule, view), "group": dict(enumerate(group_of_event(fed.rule, block)))}
        for fed in rule.fed
    ]
    return _group_of(rule, view, matched, inner)


def is_match(rule: Rule, view: BatchView) -> bool:
    """Return whether a rule, or one that it counts, matches the one event of a view."""
    return any(matcher(view) for matcher in rule.matchers) or any(is_match(fed.rule, view) for fed in rule.fed)


def _group_of(rule: Rule, view: BatchView, matched: Sequence[int], inner: Sequence[Document]) -> tuple[GroupValue, ...]:
    """Return the group of the one event of a view: by a matcher that matches it, else by an inner rule that does."""
    found = next((place for place, each in enumerate(inner) if each["matches"]), None)
    if found is None and not rule.matchers:
        found = 0
    if matched or found is None:
        return group_of(rule, view, matched[0] if matched else 0)
    return _outer_key(rule.fed[found], tuple(inner[found]["group"].values()))


def _outer_key(fed: Fed, key: Sequence[GroupValue]) -> tuple[GroupValue, ...]:
    return tuple(key[place] for place in fed.key)


def group_of(rule: Rule, view: BatchView, matcher: int) -> tuple[GroupValue, ...]:
    """Return the values by which the one event of a view is grouped."""
    return tuple(values_of(view, name, split_object(name), [0])[0] for name in rule.fields_of(matcher))


def asks(outer: Rule, names: Sequence[str]) -> Document:
    """Return what a rule asks of the matches of a group; ``names`` are those of the rules that it refers to."""
    rule = asking(outer)
    condition = rule.condition
    asked: Document = {"type": condition.kind, "group_by": list(rule.group_by), "timespan_s": rule.span_us / SECOND_US}
    if len(names) > 1 or rule.fed:
        asked["rules"] = list(names)
    if condition.kind not in TEMPORAL:
        asked["condition"] = {condition.operator: _plain_number(condition.bound)}
    elif needs := needs_words(condition, names):
        asked["needs"] = needs
    if condition.fields:
        asked["fields"] = list(condition.fields)
    if isinstance(rule.absence, Silence) and rule.absence.expected:
        asked["expected"] = [list(group) for group in rule.absence.expected]
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
