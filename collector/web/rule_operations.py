"""The operations on rules, as OpenAPI 3.1 says them."""

from typing import Any, Final

from collector.web.operation import ID, JSON, READ_ERRORS, Operation, conditional, of_parameters, operation
from collector.web.schemas import ref
from collector.web.vocabulary import RULES

_SWITCH_ERRORS: Final = (*READ_ERRORS, 404, 409, 413, 422)


def rule_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    listed = operation(
        "listRules",
        "List the rules: what each is about, whether it is at work, what it found and what it costs.",
        ref("RuleList"),
        parameters=of_parameters(RULES),
        errors=READ_ERRORS,
    )
    got = operation(
        "getRule", "Get all that is known of one rule, by its id or its name.", ref("Rule"), parameters=[ID],
        errors=(*READ_ERRORS, 404),
    )  # fmt: skip
    reloaded = operation(
        "reloadRules",
        "Read the rules again; with mistakes in them nothing changes (scope admin).",
        ref("RulesReloaded"),
        errors=(*READ_ERRORS, 409),
    )  # fmt: skip
    return {
        ("GET", "/v1/rules"): conditional(listed),
        ("GET", "/v1/rules/{id}"): conditional(got),
        ("POST", "/v1/rules/reload"): reloaded,
        ("POST", "/v1/rules/{id}/enable"): _switch("enableRule", "Switch a rule on, also one that was set aside"),
        ("POST", "/v1/rules/{id}/disable"): _switch("disableRule", "Switch a rule off: its open alerts are resolved"),
        ("POST", "/v1/rules/{id}/shadow"): _shadow(),
    }


def _switch(name: str, summary: str) -> Operation:
    described = operation(name, f"{summary} (scope admin).", ref("Rule"), parameters=[ID], errors=_SWITCH_ERRORS)
    body: dict[str, Any] = {"content": {JSON: {"schema": ref("RuleSwitch")}}, "required": False}
    return {**described, "requestBody": body}


def _shadow() -> Operation:
    described = operation(
        "shadowRule",
        "Put a rule into shadow mode, in which its alerts are kept and nobody is told, or take it out (scope admin).",
        ref("Rule"),
        parameters=[ID],
        errors=_SWITCH_ERRORS,
    )
    return {**described, "requestBody": {"content": {JSON: {"schema": ref("RuleShadow")}}, "required": True}}
