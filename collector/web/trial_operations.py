"""The operations that try rules out, as OpenAPI 3.1 says them."""

from typing import Any

from collector.web.operation import ID, JSON, READ_ERRORS, Operation, of_parameters, operation
from collector.web.rule_trials import LINES
from collector.web.schemas import ref
from collector.web.vocabulary import EXPLAINED

_BACKTEST_DOC = (
    "The alerts are those that the rule would have raised had it been in force: every stored event of the range is put "
    "to it in the order of arrival, under the exceptions there are. The answer comes as lines of JSON: how far it is, "
    "again and again, and at last the result, or a problem. A client that goes away ends the back-test."
)


def trial_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    explained = operation(
        "explainRule",
        "Say why a rule matches an event or does not, and what it remembers of the event's group.",
        ref("RuleExplanation"),
        parameters=[ID, *of_parameters(EXPLAINED)],
        errors=(*READ_ERRORS, 404),
    )
    of_text = operation(
        "explainRuleText",
        "Say what the rules of a text, which are not loaded, make of an event.",
        ref("RuleExplanations"),
        errors=(*READ_ERRORS, 404, 413, 422),
    )
    return {
        ("POST", "/v1/rules/backtest"): _backtest(),
        ("POST", "/v1/rules/explain"): {**of_text, "requestBody": _body("ExplainWanted")},
        ("GET", "/v1/rules/{id}/explain"): explained,
    }


def _backtest() -> Operation:
    described = operation(
        "backtestRule",
        "Say what a rule would have said of the events that are stored.",
        {},
        errors=(*READ_ERRORS, 404, 413, 422),
    )
    described["description"] = _BACKTEST_DOC
    described["responses"]["200"]["content"] = {LINES: {"schema": ref("BacktestLine")}}
    return {**described, "requestBody": _body("BacktestWanted")}


def _body(schema: str) -> dict[str, Any]:
    return {"content": {JSON: {"schema": ref(schema)}}, "required": True}
