"""The operations on alerts, silences and exceptions, as OpenAPI 3.1 says them."""

from typing import Any, Final

from collector.web.operation import ID, JSON, READ_ERRORS, Operation, conditional, of_parameters, operation
from collector.web.schemas import ref
from collector.web.vocabulary import ALERTS, EXCEPTIONS, RATIOS, SILENCES

_ONE: Final = (*READ_ERRORS, 404, 409)
_CHANGE: Final = (*READ_ERRORS, 404, 409, 413, 422)


def alert_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    acts = (
        ("acknowledge", "acknowledgeAlert", "Note that somebody looks after an alert (scope respond)."),
        ("resolve", "resolveAlert", "Resolve an alert by hand; new matches open it again (scope respond)."),
        ("reopen", "reopenAlert", "Open a resolved or acknowledged alert again (scope respond)."),
    )
    found: dict[tuple[str, str], Operation] = {
        ("POST", f"/v1/alerts/{{id}}/{path}"): _changing(name, summary, "Alert", "AlertNote", body_required=False)
        for path, name, summary in acts
    }
    return {
        ("GET", "/v1/alerts"): conditional(
            operation(
                "listAlerts", "List alerts, newest first.", ref("AlertPage"), parameters=of_parameters(ALERTS),
                errors=READ_ERRORS,
            )
        ),
        ("GET", "/v1/alerts/ratios"): conditional(
            operation(
                "alertRatios", "Say how often each rule was right.", ref("AlertRatios"),
                parameters=of_parameters(RATIOS), errors=READ_ERRORS,
            )
        ),
        ("GET", "/v1/alerts/{id}"): conditional(
            operation(
                "getAlert", "Get one alert, by its id or six and more characters that it begins with.", ref("Alert"),
                parameters=[ID], errors=_ONE,
            )
        ),
        **found,
        ("POST", "/v1/alerts/{id}/disposition"): _changing(
            "disposeAlert", "Say what an alert turned out to be (scope respond).", "Alert", "AlertDisposition"
        ),
        ("POST", "/v1/alerts/{id}/exceptions"): _changing(
            "makeException", "Let events with an alert's field values count no more for its rule (scope respond).",
            "RuleException", "NewRuleException", status=201,
        ),
        **_silence_operations(),
        **_exception_operations(),
    }  # fmt: skip


def _silence_operations() -> dict[tuple[str, str], Operation]:
    listed = operation(
        "listSilences", "List the silences, the latest to end first.", ref("SilenceList"),
        parameters=of_parameters(SILENCES), errors=READ_ERRORS,
    )  # fmt: skip
    got = operation("getSilence", "Get one silence.", ref("Silence"), parameters=[ID], errors=(*READ_ERRORS, 404))
    made = operation(
        "silenceAlerts", "Hide alerts for a time; they are stored and shown all the same (scope respond).",
        ref("Silence"), errors=(*READ_ERRORS, 409, 413, 422), status=201,
    )  # fmt: skip
    made["responses"]["201"]["headers"] = {
        "Location": {"description": "Where the silence is.", "schema": {"type": "string"}}
    }
    asked = operation(
        "previewSilence", "Say what a silence would hide now, and would have hidden in the last days.",
        ref("SilencePreview"), errors=(*READ_ERRORS, 413, 422),
    )  # fmt: skip
    ended = operation(
        "endSilence", "End a silence before its time (scope respond).", ref("Silence"), parameters=[ID], errors=_ONE
    )
    return {
        ("GET", "/v1/silences"): conditional(listed),
        ("POST", "/v1/silences"): {**made, "requestBody": _body("NewSilence")},
        ("POST", "/v1/silences/preview"): {**asked, "requestBody": _body("SilenceQuestion")},
        ("GET", "/v1/silences/{id}"): conditional(got),
        ("DELETE", "/v1/silences/{id}"): ended,
    }


def _exception_operations() -> dict[tuple[str, str], Operation]:
    listed = operation(
        "listExceptions", "List the exceptions of rules, the newest first.", ref("RuleExceptionList"),
        parameters=of_parameters(EXCEPTIONS), errors=READ_ERRORS,
    )  # fmt: skip
    got = operation(
        "getException", "Get one exception.", ref("RuleException"), parameters=[ID], errors=(*READ_ERRORS, 404)
    )
    ended = operation(
        "endException", "Take an exception out again: from now on such events count (scope respond).",
        ref("RuleException"), parameters=[ID], errors=_ONE,
    )  # fmt: skip
    return {
        ("GET", "/v1/exceptions"): conditional(listed),
        ("GET", "/v1/exceptions/{id}"): conditional(got),
        ("DELETE", "/v1/exceptions/{id}"): ended,
    }


def _changing(
    name: str, summary: str, answer: str, body: str, *, status: int = 200, body_required: bool = True
) -> Operation:
    described = operation(name, summary, ref(answer), parameters=[ID], errors=_CHANGE, status=status)
    return {**described, "requestBody": _body(body, required=body_required)}


def _body(name: str, *, required: bool = True) -> dict[str, Any]:
    return {"content": {JSON: {"schema": ref(name)}}, "required": required}
