"""Questions and their answers as frames.

To a child: ``question`` (``id``, ``question``, ``parameters``) and ``cancel`` (``id``: nobody waits for it any more).
From a child: ``answer`` (``id``; the body is the answer), ``problem`` (``id`` and the members of an ApiProblem) and
``failed`` (``id``, ``error_id``: the cause is in the log under it).  ``metrics`` may come with each of them, or alone;
``damaged`` (names of segments) comes along when an index could not be read.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from collector.problem import ApiProblem
from collector.processes.frames import Frame


def busy(why: str) -> ApiProblem:
    """Return the answer to a question that might be answered another time."""
    return ApiProblem(503, "busy", f"{why}; try again in a moment", headers={"Retry-After": "1"})


def question_head(number: int, question: str, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return the head of a question's frame."""
    return {"kind": "question", "id": number, "question": question, "parameters": dict(parameters)}


def problem_head(number: int, problem: ApiProblem) -> dict[str, Any]:
    """Return the head of a frame that answers with a problem."""
    return {
        "kind": "problem",
        "id": number,
        "status": problem.status,
        "problem": problem.kind,
        "title": problem.title,
        "detail": problem.detail,
        "errors": [dict(error) for error in problem.errors],
        "headers": problem.headers,
        "extensions": problem.extensions,
    }


def failed_head(number: int) -> dict[str, Any]:
    """Return the head of a frame that answers with a failure of ours."""
    return {"kind": "failed", "id": number, "error_id": secrets.token_hex(8)}


def result_of(frame: Frame) -> bytes | ApiProblem:
    """Return what a frame answers."""
    head = frame.head
    if frame.kind == "answer":
        return frame.body
    if frame.kind == "problem":
        return ApiProblem(
            head["status"], head["problem"], head["detail"], title=head["title"], errors=head["errors"],
            headers=head["headers"], extensions=head["extensions"],
        )  # fmt: skip
    error_id = head.get("error_id")
    detail = f"something went wrong here; the collector's log has the cause under error_id {error_id}"
    return ApiProblem(500, "internal", detail, extensions={"error_id": error_id})
