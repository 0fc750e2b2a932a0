"""Regular expressions: RE2, which takes time in proportion to the text, whatever a rule asks for."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, cast

import re2

from collector.detect.expression import Matches, Pattern

#: Flags of a rule that RE2 has too.
FLAGS: Final = frozenset("ims")
_REMEMBERED: Final = 4096


class PatternError(ValueError):
    """RE2 does not take a regular expression; the text says why."""


def matches(source: str, flags: Iterable[str] = ()) -> Matches:
    """Return the test for a regular expression; raises PatternError."""
    letters = "".join(sorted(FLAGS.intersection(flags)))
    return Matches(source, _compiled(source, letters), letters)


@lru_cache(maxsize=_REMEMBERED)
def _compiled(source: str, flags: str) -> Pattern:
    options = re2.Options()
    options.log_errors = False
    try:
        return cast(Pattern, re2.compile(f"(?{flags}){source}" if flags else source, options))
    except re2.error as error:
        reason = error.args[0]
        raise PatternError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error
