"""What pySigma finds wrong, and what to do about it: a missing option is named, a wrong value gets the known ones.

pySigma says what is wrong in its own words, and seldom what would be right.  Its words are kept where they say enough,
so that they can be looked up.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sigma import exceptions as errors
from sigma.rule.attributes import SigmaLevel, SigmaStatus

from collector.detect.compiled import Complaint

_OPTION_OF_ERROR: Final[tuple[tuple[type[errors.SigmaError], str], ...]] = (
    (errors.SigmaIdentifierError, "id"),
    (errors.SigmaNameError, "name"),
    (errors.SigmaTitleError, "title"),
    (errors.SigmaLevelError, "level"),
    (errors.SigmaStatusError, "status"),
    (errors.SigmaTagError, "tags"),
    (errors.SigmaDateError, "date"),
    (errors.SigmaModifiedError, "modified"),
    (errors.SigmaDescriptionError, "description"),
    (errors.SigmaFalsePositivesError, "falsepositives"),
    (errors.SigmaReferencesError, "references"),
    (errors.SigmaLogsourceError, "logsource"),
    (errors.SigmaConditionError, "detection.condition"),
    (errors.SigmaDetectionError, "detection"),
    (errors.SigmaModifierError, "detection"),
    (errors.SigmaTimespanError, "correlation.timespan"),
    (errors.SigmaCorrelationConditionError, "correlation.condition"),
    (errors.SigmaCorrelationTypeError, "correlation.type"),
    (errors.SigmaCorrelationRuleError, "correlation"),
    (errors.SigmaValueError, "detection"),
)
_TYPES: Final = (
    "event_count", "value_count", "value_sum", "value_avg", "value_median", "value_percentile", "temporal",
    "temporal_ordered",
)  # fmt: skip
_OPERATORS: Final = ("gte", "gt", "lte", "lt", "eq", "neq")
#: What is left out: its option, what is added in its place, and what pySigma says then.
_LEFT_OUT: Final[tuple[tuple[str, str, str], ...]] = (
    ("title", "title: what an alert of it is called", "must have a title"),
    ("logsource", "logsource: {product: watchbook}", "must have a log source"),
    ("detection", "selections and a condition", "must have a detection"),
    ("correlation.rules", "the names or ids of the rules whose matches it counts", "without rule references"),
    ("correlation.timespan", "how long the window is, such as timespan: 10m", "without timespan"),
    ("correlation.type", f"one of {', '.join(_TYPES)}", "without type"),
    (
        "correlation.condition",
        "how many are enough, such as condition: {gte: 10}",
        "correlation rule without condition",
    ),
    ("correlation.condition.field", "the field whose values are counted", "without field reference"),
)
_HINTS: Final[Mapping[str, str]] = {
    "id": "write a UUID (RFC 4122), in quotes if it is all digits",
    "level": f"known: {', '.join(level.name.lower() for level in SigmaLevel)}",
    "status": f"known: {', '.join(status.name.lower() for status in SigmaStatus)}",
    "tags": "write them as attack.t1110, or with a word of your own before the dot",
    "date": "2026-11-29 is one",
    "modified": "2026-11-29 is one",
    "correlation.type": f"known: {', '.join(_TYPES)}",
    "correlation.timespan": "write a number and a unit: 30s, 10m, 2h, 7d",
}  # fmt: skip


def complaint_of(error: errors.SigmaError, document: Mapping[str, Any]) -> Complaint:
    """Return what is wrong with a document, at which option, and what to do."""
    text = str(error).rstrip(".")
    for option, wanted, said in _LEFT_OUT:
        if said in text:
            return Complaint(option, f"the option {option.rpartition('.')[2]!r} is missing; add {wanted}")
    option = next((option for kind, option in _OPTION_OF_ERROR if isinstance(error, kind)), "")
    if type(error) is errors.SigmaValueError and " tag " in text.lower():
        option = "tags"  # pySigma has an error for tags, but a tag that it cannot read raises the general one
    if option == "detection.condition":
        return _of_condition(text, document)
    if option == "correlation.condition":
        return Complaint(option, _of_counts(text))
    hint = _HINTS.get(option)
    return Complaint(option, f"{text}; {hint}" if hint else text)


def value_words(error: errors.SigmaError, modifiers: Sequence[str]) -> str:
    """Return what is wrong with one line of a detection, and what to do."""
    text = str(error)
    if isinstance(error, errors.SigmaTypeError) and "incompatible to value type" in text:
        wanted = next((words for name, words in _WANTED.items() if name in modifiers), None)
        return text if wanted is None else f"expected {wanted}, {text.rpartition(' of ')[2]} is none ({text})"
    if isinstance(error, errors.SigmaRegularExpressionError):
        return f"{text}; RE2 has no look-around and no back-references, else see where its brackets close"
    if "CIDR" in text:
        return f"{text}; write one as 10.0.0.0/8 or 2001:db8::/32"
    return text


_WANTED: Final = {
    "exists": "true or false", "gte": "a number", "gt": "a number", "lte": "a number", "lt": "a number",
    "base64": "a text", "base64offset": "a text", "contains": "a text", "startswith": "a text", "endswith": "a text",
    "re": "a text", "cidr": "a text",
}  # fmt: skip


def _of_condition(text: str, document: Mapping[str, Any]) -> Complaint:
    option = "detection.condition"
    detection = document.get("detection")
    known = [name for name in detection if name != "condition"] if isinstance(detection, Mapping) else []
    condition = str(detection.get("condition")) if isinstance(detection, Mapping) else ""
    if "must contain at least one condition" in text:
        return Complaint(option, "the option 'condition' is missing; add which selections must hold")
    if "pipe syntax" in text:
        words = (
            "Sigma's old form of counting ('| count() …'); write a correlation with 'type: event_count' beside the rule"
        )
        return Complaint(option, f"is {words}")
    missing = re.match(r"Detection '(.*)' not defined", text) or re.match(r"Selector '(.*)' doesn't match", text)
    if missing:
        close = difflib.get_close_matches(missing[1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the selections are: {', '.join(known) or 'none'}"
        return Complaint(option, f"{text}; {hint}")
    at = re.search(r"\(at char (\d+)\)", text)
    if at:
        left = condition[int(at[1]) :].strip()
        where = f"from {left!r} on" if left else "after its last word"
        return Complaint(
            option,
            f"cannot be read {where}; join selections with 'and', 'or', 'not', '1 of NAME_*' and 'all of NAME_*', "
            "with round brackets around parts",
        )
    return Complaint(option, text)


def _of_counts(text: str) -> str:
    if "exactly one condition item" in text:
        return f"{text}: one of {', '.join(_OPERATORS)}; for a range, write two correlations"
    if "condition count" in text:
        return f"{text}; expected a number"
    return text
