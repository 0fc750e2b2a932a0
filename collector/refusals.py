"""What an error of the store means for the sender: the problem that answers it."""

from collector.problem import ApiProblem
from collector.store import (
    KeyReusedError,
    SequenceConflictError,
    SequenceGapError,
    StoreBusyError,
    StoreUnavailableError,
)

_RETRY_SOON = {"Retry-After": "1"}
_RETRY_LATER = {"Retry-After": "5"}


def problem_of(error: Exception) -> ApiProblem | None:
    """Return the problem that answers an error of the store, None for any other error."""
    if isinstance(error, SequenceGapError):
        detail = f"{error}; send the batch with sequence {error.expected} first"
        return ApiProblem(409, "sequence-gap", detail, extensions={"expected": error.expected})
    if isinstance(error, SequenceConflictError):
        return ApiProblem(409, "sequence-conflict", f"{error}; two senders share a stream: begin a new one")
    if isinstance(error, KeyReusedError):
        return ApiProblem(422, "idempotency-key-reused", str(error))
    if isinstance(error, StoreBusyError):
        return ApiProblem(503, "store-busy", f"{error}; send again in a moment", headers=_RETRY_SOON)
    if isinstance(error, StoreUnavailableError):
        return ApiProblem(
            503, "store-unavailable", f"{error}; keep the events and send them again", headers=_RETRY_LATER
        )
    return None
