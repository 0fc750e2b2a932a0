"""The JSON documents that requests bring, read strictly."""

from typing import TypeVar

import msgspec

from collector.problem import ApiProblem

_T = TypeVar("_T")


def read_document(body: bytes, kind: type[_T]) -> _T:
    """Return the document of a request; raises ApiProblem 422 that says what is wrong with it."""
    try:
        found: _T = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ApiProblem(422, "invalid-document", f"the body is not as it should be: {error}") from error
    return found
