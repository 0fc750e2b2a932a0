"""What single values look like.  Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from agent.profile.times import time_reader, zone_named

SUCCESS: Final = frozenset(
    {
        "ok", "okay", "success", "successful", "succeeded", "allow", "allowed", "accept", "accepted", "grant",
        "granted", "pass", "passed", "true", "yes", "done", "complete", "completed", "approved", "permit", "permitted",
        "valid", "finished",
    }
)  # fmt: skip
FAILURE: Final = frozenset(
    {
        "fail", "failed", "failure", "error", "err", "deny", "denied", "refuse", "refused", "reject", "rejected",
        "false", "no", "invalid", "unauthorized", "unauthorised", "forbidden", "block", "blocked", "timeout",
        "timed_out", "cannot", "unable", "incorrect", "locked", "expired", "aborted",
    }
)  # fmt: skip
UNDER_WAY: Final = {
    "pending": "pending", "queued": "pending", "waiting": "pending", "started": "in_progress",
    "running": "in_progress", "in_progress": "in_progress", "processing": "in_progress",
}  # fmt: skip

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_DURATION: Final = re.compile(
    r"\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|sec|secs|seconds?|m|min|minutes?|h|hours?|milliseconds?)"
)
_SIZE: Final = re.compile(r"\d+(?:\.\d+)? ?(?:B|[kKMGT]i?B|bytes)")
_PORT: Final = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:]+\]):\d+")

#: Times of text logs: what they look like at the beginning of a line.
TIME_LOOKS: Final = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?UTC| ?[+-]\d\d:?\d\d)?",
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?",
    r"\d\d?\.\d\d?\.\d{4}[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?",
    r"\d\d?/\d\d?/\d{4}[, ]{1,2}\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?",
    r"\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?: [+-]\d{4})?",
    r"\d\d?[- ][A-Z][a-z]{2}[- ]\d{4} \d\d:\d\d:\d\d(?:[.,]\d{1,9})?",
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4}",
    r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d",
    r"\d{8}[ T]\d{6}(?:[.,]\d{1,9})?",
    r"1\d{12}|1\d{9}(?:\.\d{1,9})?",
)
_STRPTIME: Final = (
    "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S,%f", "%d.%m.%Y %H:%M:%S.%f", "%d.%m.%Y %H:%M:%S", "%d.%m.%YT%H:%M:%S",
    "%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y, %H:%M:%S", "%m/%d/%Y, %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d/%b/%Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S.%f", "%d-%b-%Y %H:%M:%S", "%d %b %Y %H:%M:%S,%f", "%d %b %Y %H:%M:%S",
    "%a %b %d %H:%M:%S.%f %Y", "%a %b %d %H:%M:%S %Y", "%Y%m%d %H%M%S", "%Y%m%dT%H%M%S",
)  # fmt: skip
_NAMED: Final = ("auto", "clf", "syslog")
_ZONED: Final = re.compile(r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$")
_ENOUGH: Final = 0.9


class TimeForm(NamedTuple):
    """How times are written: a format of profiles; other formats that would read them too, otherwise; has a zone."""

    format: str
    others: tuple[str, ...]
    has_zone: bool


def text_of(value: Any) -> str:
    """Return a scalar as a text, "" for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def is_address(value: Any) -> bool:
    """Return whether a value is an IP address, with a port or without."""
    text = text_of(value)
    found = _PORT.fullmatch(text)
    try:
        ip_address(found[1].strip("[]") if found else text)
    except ValueError:
        return False
    return isinstance(value, str)


def is_email(value: Any) -> bool:
    """Return whether a value is an e-mail address."""
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def is_duration(value: Any) -> bool:
    """Return whether a value is a duration with its unit."""
    return isinstance(value, str) and _DURATION.fullmatch(value) is not None


def is_size(value: Any) -> bool:
    """Return whether a value is a size with its unit."""
    return isinstance(value, str) and _SIZE.fullmatch(value) is not None


def is_number(value: Any) -> bool:
    """Return whether a value is a number, or the text of one."""
    if isinstance(value, str):
        return re.fullmatch(r"-?\d+(?:\.\d+)?", value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_http_status(value: Any) -> bool:
    """Return whether a value is the number of an HTTP status."""
    return is_number(value) and "100" <= text_of(value) <= "599" and len(text_of(value)) == 3


def mostly(values: Iterable[Any], is_so: Callable[[Any], bool]) -> bool:
    """Return whether nearly all values are so, and there is one."""
    found = [is_so(value) for value in values]
    return bool(found) and sum(found) >= _ENOUGH * len(found)


def outcome_of(word: str) -> str | None:
    """Return what a source's word says of how something ended, None when it is not known."""
    plain = re.sub(r"[^a-z]+", "_", word.lower()).strip("_")
    if plain in SUCCESS:
        return "success"
    return "failure" if plain in FAILURE else UNDER_WAY.get(plain)


def time_form(values: Sequence[Any], read_us: int) -> TimeForm | None:
    """Return how times are written; None when nothing reads nearly all of them."""
    texts = [value for value in values if isinstance(value, str | int | float) and not isinstance(value, bool)]
    if not texts or len(texts) < _ENOUGH * len(values) or not mostly(texts, _could_be_time):
        return None
    fitting = [name for name in (*_NAMED, *_STRPTIME) if mostly(texts, _reads(name, read_us))]
    if not fitting:
        return None
    best = next((name for name in _NAMED if name in fitting), fitting[0])
    others = tuple(name for name in fitting if "%" in name and name != best) if "%" in best else ()
    has_zone = best == "clf" or not mostly(texts, lambda text: isinstance(text, str) and not _ZONED.search(text))
    return TimeForm(best, others, has_zone)


def _could_be_time(value: Any) -> bool:
    """Return whether a value is no plain number, or one of the last decades."""
    text = text_of(value)
    return not is_number(value) or re.fullmatch(r"1\d{9}(?:\.\d+)?|1\d{12}|1\d{15}|1\d{18}", text) is not None


def _reads(name: str, read_us: int) -> Callable[[Any], bool]:
    read = time_reader(name, zone_named("UTC"))
    return lambda value: read(value, read_us) is not None
