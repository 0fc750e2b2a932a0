"""What knows pySigma, with :mod:`collector.detect.sigma_conditions`: documents in, our own expressions out.

A document is the plain value of one YAML document (texts, numbers, lists, mappings).  What is wrong with it comes back
as complaints that name the option; nothing here raises.  pySigma checks the document, applies the modifiers and parses
the condition; values and the condition's tree are then turned into :mod:`collector.detect.expression`.

Semantics that Sigma leaves open: a regular expression (RE2) is searched anywhere in the text and is case-sensitive
unless ``|i``; an unbound value is searched inside ``message`` and ``raw``; several conditions in a list mean any of
them.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sigma import conditions, types
from sigma import exceptions as errors
from sigma.correlations import SigmaCorrelationRule
from sigma.modifiers import modifier_mapping
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RE2RegexEngine, RegexPattern
from sigma.rule import SigmaDetectionItem, SigmaRule

from collector.detect.compiled import NEEDS_LIST, Complaint, Correlation, Detection
from collector.detect.expression import (
    KEYWORD_MARK,
    Absent,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    InNetwork,
    Matches,
    Not,
    Operator,
    Piece,
    all_of,
    any_of,
)
from collector.detect.logsources import log_source
from collector.detect.patterns import matches
from collector.detect.sigma_conditions import UnsupportedConditionError, correlated_rules, read_condition
from collector.detect.sigma_words import complaint_of, value_words
from collector.detect.values import text_of


class _QuietRE2(RE2RegexEngine):
    """pySigma's RE2 engine, but a pattern that is wrong is told to the caller and not also to standard error."""

    def compile(self, pattern: str, flags: int = 0) -> RegexPattern:
        letters = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
        prefix = "".join(letter for flag, letter in letters.items() if flags & flag)
        options = self._re2.Options()
        options.log_errors = False
        try:
            return cast(RegexPattern, self._re2.compile(f"(?{prefix})" + pattern if prefix else pattern, options))
        except self.error as error:
            reason = error.args[0]
            raise self.error(reason.decode() if isinstance(reason, bytes) else reason) from error


_POLICY: Final = SigmaPolicy(regex_engine=_QuietRE2())


#: The values of placeholders, by name.
Lists = Mapping[str, Sequence[str]]


class _UnsupportedError(Exception):
    """Something that Sigma has and Watchbook cannot do (yet)."""


def read_detection(document: Mapping[str, Any], lists: Lists) -> tuple[Detection | None, list[Complaint]]:
    """Return the detection that a document describes, or what is wrong with it."""
    try:
        rule = SigmaRule.from_dict(_with_texts(document), collect_errors=True, policy=_POLICY)
        if rule.errors:
            return None, [complaint_of(error, document) for error in rule.errors]
        trees = [condition.parsed for condition in rule.detection.parsed_condition]
        expression = any_of([_expression(tree, lists) for tree in trees])
    except errors.SigmaError as error:
        return None, [complaint_of(error, document)]
    except _UnsupportedError as error:
        return None, [Complaint("detection", str(error))]
    except Exception as error:  # noqa: BLE001 - odd shapes make pySigma raise AttributeError, TypeError …; name the rule
        return None, [Complaint("detection", f"is no Sigma detection: {_words(error)}")]
    source = rule.logsource
    return Detection(expression, log_source(vars(source))), []


def read_correlation(document: Mapping[str, Any]) -> tuple[Correlation | None, list[Complaint]]:
    """Return the correlation that a document describes, or what is wrong with it."""
    try:
        rule = SigmaCorrelationRule.from_dict(_with_texts(document), collect_errors=True)
    except errors.SigmaError as error:
        return None, [complaint_of(error, document)]
    except Exception as error:  # noqa: BLE001 - as above
        return None, [Complaint("correlation", f"is no Sigma correlation: {_words(error)}")]
    if rule.errors:
        return None, [complaint_of(error, document) for error in rule.errors]
    names = correlated_rules(rule)
    try:
        condition = read_condition(rule, names)
    except UnsupportedConditionError as error:
        return None, [Complaint(f"correlation.{error.option}", str(error))]
    aliases = {each.alias: {str(of.reference): name for of, name in each.mapping.items()} for each in rule.aliases}
    return (
        Correlation(
            names, tuple(rule.group_by or ()), rule.timespan.seconds * 1_000_000, condition, rule.generate, aliases
        ),
        [],
    )


def item_complaint(key: str | None, value: Any, lists: Lists) -> str | None:
    """Return what is wrong with one line of a detection (``field|modifier: value``), None when it can be matched."""
    for modifier in (key or "").split("|")[1:]:
        if modifier not in modifier_mapping:
            close = difflib.get_close_matches(modifier, modifier_mapping, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(modifier_mapping))}"
            return f"there is no modifier {modifier!r}{hint}"
    try:
        item = SigmaDetectionItem.from_mapping(key, value, policy=_POLICY)
        for sigma_value in item.value:
            _leaf(item.field, sigma_value, lists)
    except errors.SigmaError as error:
        return value_words(error, (key or "").split("|")[1:])
    except _UnsupportedError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - as above
        return f"cannot be read: {_words(error)}"
    return None


def _with_texts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document whose id is a text: of a number pySigma does not say that it is no UUID, but fails."""
    identity = document.get("id")
    return {**document, "id": str(identity)} if isinstance(identity, int | float) else dict(document)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _expression(tree: Any, lists: Lists) -> Expression:
    if isinstance(tree, conditions.ConditionAND):
        return all_of([_expression(arg, lists) for arg in tree.args])
    if isinstance(tree, conditions.ConditionOR):
        return any_of([_expression(arg, lists) for arg in tree.args])
    if isinstance(tree, conditions.ConditionNOT):
        return Not(_expression(tree.args[0], lists))
    if isinstance(tree, conditions.ConditionFieldEqualsValueExpression):
        return _leaf(tree.field, tree.value, lists)
    if isinstance(tree, conditions.ConditionValueExpression):
        return _leaf(None, tree.value, lists)
    raise _UnsupportedError("the condition tests nothing")


def _leaf(field: str | None, value: types.SigmaType, lists: Lists) -> Expression:
    """Return the test of one value; without a field it is a keyword."""
    if isinstance(value, types.SigmaExpansion):
        return any_of([_leaf(field, inner, lists) for inner in value.values])
    if isinstance(value, types.SigmaExists):
        absent = _bound(field, Absent())
        return Not(absent) if value.exists else absent
    if isinstance(value, types.SigmaCompareExpression) and value.op.name == "NEQ":
        return Not(_bound(field, Equals(frozenset({str(text_of(value.number.number))}))))
    if isinstance(value, types.SigmaString) and value.contains_placeholder():
        texts = _filled(value, lists)
        nothing = Equals(frozenset())  # an empty list: no value is in it
        return any_of([_leaf(field, text, lists) for text in texts] or [_bound(field, nothing)])
    if field is None:
        return Atom(KEYWORD_MARK, _keyword_test(value))
    return Atom(field, _test(value))


def _filled(value: types.SigmaString, lists: Lists) -> list[types.SigmaString]:
    """Return the texts that a text with placeholders stands for."""
    for part in value.s:
        if isinstance(part, types.Placeholder) and part.name not in lists:
            raise _UnsupportedError(
                f"{NEEDS_LIST} {part.name!r}: no list is known for the placeholder '%{part.name}%'; "
                "give its values under 'detect.lists' in collector.yaml"
            )
    filled = value.replace_placeholders(lambda placeholder: iter(_texts(lists[placeholder.name])))
    if isinstance(value, types.SigmaCasedString):
        for each in filled:
            each.__class__ = types.SigmaCasedString  # the replacing forgets it
    return filled


def _texts(values: Sequence[str]) -> list[types.SigmaString]:
    return [types.SigmaString(text) for text in values]


def _bound(field: str | None, test: Absent | Equals) -> Atom:
    if field is None:
        raise _UnsupportedError("this value must stand under a field")
    return Atom(field, test)


def _keyword_test(value: types.SigmaType) -> Glob | Matches:
    if isinstance(value, types.SigmaNumber) and not isinstance(value, types.SigmaTimestampPart):
        value = types.SigmaString(str(text_of(value.number)))
    if isinstance(value, types.SigmaString):
        return _glob(value, stars_around=True)
    if isinstance(value, types.SigmaRegularExpression):
        return _regex(value)
    raise _UnsupportedError("a keyword must be a text, a number or a regular expression")


def _test(value: types.SigmaType) -> Equals | Glob | Matches | InNetwork | Compares | Absent:
    if isinstance(value, types.SigmaNull):
        return Absent()
    if isinstance(value, types.SigmaString):
        return _text_test(value)
    if isinstance(value, types.SigmaRegularExpression):
        return _regex(value)
    if isinstance(value, types.SigmaCIDRExpression):
        return InNetwork(value.network)
    if isinstance(value, types.SigmaCompareExpression):
        return Compares(cast(Operator, value.op.name.lower()), value.number.number)
    if isinstance(value, types.SigmaBool):
        return Equals(frozenset({str(text_of(value.boolean))}))
    if isinstance(value, types.SigmaNumber) and not isinstance(value, types.SigmaTimestampPart):
        return Equals(frozenset({str(text_of(value.number))}))
    raise _UnsupportedError(
        f"values of the kind {type(value).__name__.removeprefix('Sigma')!r} are not supported yet; "
        "compare with a value that is written here"
    )


def _text_test(value: types.SigmaString) -> Equals | Glob:
    if value.contains_special():
        return _glob(value)
    text = "".join(_literals(value))
    cased = isinstance(value, types.SigmaCasedString)
    return Equals(frozenset({text if cased else text.lower()}), cased)


def _literals(value: types.SigmaString) -> list[str]:
    return [part for part in value.s if isinstance(part, str)]


def _glob(value: types.SigmaString, *, stars_around: bool = False) -> Glob:
    cased = isinstance(value, types.SigmaCasedString)
    star = types.SpecialChars.WILDCARD_MULTI
    pieces, text, wild = [], "", list[int]()
    for part in [star, *value.s, star] if stars_around else value.s:
        if part is star:
            pieces.append(Piece(text, tuple(wild)))
            text, wild = "", []
        elif isinstance(part, str):
            text += part if cased else part.lower()
        else:
            wild.append(len(text))
            text += "?"
    pieces.append(Piece(text, tuple(wild)))
    middle = [piece for piece in pieces[1:-1] if piece.text]
    return Glob((pieces[0], *middle, *pieces[1:][-1:]), cased)


def _regex(value: types.SigmaRegularExpression) -> Matches:
    for part in value.regexp.s:
        if isinstance(part, types.Placeholder):
            raise _UnsupportedError(f"the placeholder '%{part.name}%' stands in a regular expression; write it out")
    letters = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
    flags = {letters.get(value.sigma_to_python_flags[flag], "") for flag in value.flags}
    return matches(str(value.regexp), flags)
