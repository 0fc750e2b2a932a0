"""Casts: how the text of a value becomes what an event field holds, or None when it does not say such a thing.

A cast never guesses: ``245`` is no duration without a unit, ``10.0.0.300`` is no address.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from socket import AF_INET, inet_pton
from typing import Any, Final, Literal

from watchbook.event import Kind

Cast = Callable[[str], Any]

#: Whole numbers beyond are not written as numbers: every reader of JSON must get them back as they were.
NUMBER_MAX: Final = 2**63

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(\.[0-9]{1,18})?")
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?([a-z]{0,9})")
_BYTES: Final = {
    unit: factor
    for power, letter in enumerate(("", "k", "m", "g", "t", "p"))
    for unit, factor in (
        (f"{letter}b", 1000**power),
        (f"{letter}ib" if letter else "byte", 1024**power),
        (f"{('', 'kilo', 'mega', 'giga', 'tera', 'peta')[power]}bytes", 1000**power),
    )
}
_WITH_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%a-z]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[^\W_A-Z]+|[^\W_]+")
_TRUE: Final = frozenset({"true", "yes", "on", "1", "t", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "f", "n"})
_DURATION: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?([a-zµμ]{1,12})")
_CLOCK: Final = re.compile(r"([0-9]{1,6}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,9})?)")
_MILLISECONDS: Final = {
    unit: factor
    for units, factor in (
        ("ns nanosecond nanoseconds", 1e-6),
        ("us µs μs microsecond microseconds", 1e-3),
        ("ms msec millisecond milliseconds", 1),
        ("s sec secs second seconds", 1000),
        ("m min mins minute minutes", 60_000),
        ("h hr hour hours", 3_600_000),
    )
    for unit in units.split()
}


def text(value: str) -> str | None:
    """Return a text that is not empty."""
    return value or None


def lower(value: str) -> str | None:
    """Return a text in lower case."""
    return value.lower() or None


def is_ipv4(value: str) -> bool:
    """Return whether a text is an IPv4 address: four numbers up to 255, without leading zeros."""
    if ":" in value:
        return False
    try:
        inet_pton(AF_INET, value)  # less than half the time of a regular expression
    except (OSError, ValueError):
        return False
    return True


def ip(value: str) -> str | None:
    """Return an IPv4 address as it is and an IPv6 address in its canonical form (RFC 5952).

    An IPv4 address that came over an IPv6 socket (``::ffff:10.0.0.1``) is that IPv4 address.
    """
    if is_ipv4(value):
        return value
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def ip_with_port(value: str) -> str | None:
    """Return the address of ``1.2.3.4:5678``, ``[2001:db8::1]:5678`` or ``[2001:db8::1]``."""
    found = _WITH_PORT.fullmatch(value)
    return ip(found[1] or found[2]) if found else None


def path_name(value: str) -> str | None:
    """Return the last part of a path, URL or ARN: what stands behind the last ``/``, or else ``:``."""
    plain = value.rstrip("/")
    return (plain.rpartition("/")[2] if "/" in plain else plain.rpartition(":")[2]) or None


def snake(value: str) -> str | None:
    """Return the words of a name in small letters: db_instance for ``DBInstance``, aws_s3 for ``AWS::S3``."""
    return "_".join(word.lower() for word in _WORD.findall(value)) or None


def flag(value: str) -> bool | None:
    """Return true or false for a word that says so."""
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def number(value: str) -> int | float | None:
    """Return a number; thousands may be set apart by commas."""
    found = _NUMBER.fullmatch(value.strip())
    if found is None:
        return None
    digits = found[0].replace(",", "")
    return float(digits) if found[1] else int(digits)


def duration(value: str) -> int | float | None:
    """Return milliseconds of a text that names its unit (``245ms``, ``1.2 seconds``) or is of a clock: ``1:04:00``."""
    clock = _CLOCK.fullmatch(value.strip())
    if clock is not None:
        return _tidy(int(clock[1]) * 3_600_000 + int(clock[2]) * 60_000 + float(clock[3]) * 1000)
    found = _DURATION.fullmatch(value.strip().lower())
    factor = _MILLISECONDS.get(found[2]) if found else None
    return None if found is None or factor is None else _tidy(float(found[1]) * factor)


def seconds(value: str) -> int | float | None:
    """Return milliseconds of a text that counts seconds."""
    count = number(value)
    return None if count is None else _tidy(count * 1000)


def milliseconds(value: str) -> int | float | None:
    """Return milliseconds of a text that counts them."""
    count = number(value)
    return None if count is None else _tidy(count)


def microseconds(value: str) -> int | float | None:
    """Return milliseconds of a text that counts microseconds."""
    count = number(value)
    return None if count is None else _tidy(count / 1000)


def nanoseconds(value: str) -> int | float | None:
    """Return milliseconds of a text that counts nanoseconds."""
    count = number(value)
    return None if count is None else _tidy(count / 1_000_000)


def size(value: str) -> int | float | None:
    """Return bytes of a text that may name a unit: ``1.5 MB``, ``12kB``, ``3 KiB``; a mere number is of bytes."""
    found = _SIZE.fullmatch(value.strip().lower())
    factor = _BYTES.get(found[2] or "b") if found else None
    return None if found is None or factor is None else _tidy(float(found[1]) * factor)


def http_outcome(value: str) -> str | None:
    """Return the outcome that an HTTP status tells: below 400 it went well."""
    if len(value) != 3 or not ("100" <= value <= "599") or not (value.isascii() and value.isdecimal()):
        return None
    return "success" if value < "400" else "failure"


def _tidy(value: float) -> int | float:
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


#: Name in a profile -> the cast and the kind of event field it fills.
CASTS: Final[Mapping[str, tuple[Cast, Kind | Literal["flag"]]]] = {
    "text": (text, "text"),
    "lower": (lower, "text"),
    "ip": (ip, "text"),
    "path_name": (path_name, "text"),
    "snake": (snake, "text"),
    "http_outcome": (http_outcome, "text"),
    "number": (number, "number"),
    "duration": (duration, "number"),
    "seconds": (seconds, "number"),
    "milliseconds": (milliseconds, "number"),
    "microseconds": (microseconds, "number"),
    "nanoseconds": (nanoseconds, "number"),
    "size": (size, "number"),
    "bool": (flag, "flag"),
}
#: Casts whose value does not say all that the text said: the text stays in the details, unless it is the same.
LOSSY: Final = frozenset({"path_name", "snake"})
#: What reads what a cast refuses, without saying all of it: the text stays in the details.
IN_PART: Final[Mapping[str | None, Cast]] = {"ip": ip_with_port}
#: Name of a cast -> what quickly tells of most values that the cast leaves as they are: a log has more addresses than a
#: memo holds.
AS_THEY_ARE: Final[Mapping[str | None, Callable[[str], bool]]] = {"ip": is_ipv4}
#: Digits beyond which a text is no number to be had by ``int`` at once.
DIGITS_MAX: Final = 18
#: The cast of ``action`` that fills event_type, category, outcome and reason too (agent.profile.verbs).
VERB: Final = "verb"


def text_of(value: Any) -> str:
    """Return the text that a map or cast reads for a JSON value that is no text: ``true``, ``404``; else empty."""
    if value is True or value is False:
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""
