"""What tells who somebody is: e-mail and IP addresses.  Off by default, since an activity log is about who did what."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from agent.redact.rule import Rule, Span, spans_of

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_V4: Final = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w]|\.\d)", re.ASCII)
_V6: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])", re.ASCII
)


def _find_ip(text: str) -> Iterator[Span]:
    yield from (found.span() for found in _V4.finditer(text))
    for found in _V6.finditer(text):
        try:
            ipaddress.IPv6Address(found[0])
        except ValueError:
            continue
        yield found.span()


PERSONAL: Final[tuple[Rule, ...]] = (
    Rule(
        "email",
        spans_of(
            r"(?:(?<![\w.+%@/-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))[\w.+-]{1,64}(?:@|%40)"
            r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])",
            flags=0,
        ),
        # Names may have any letters.
        r"[^\s@](?:@|%40)[A-Za-z0-9-]+\.",
        optional=True,
    ),
    Rule("ip", _find_ip, r"[0-9]\.[0-9]+\.[0-9]+\.[0-9]|[0-9a-f]?:[0-9a-f]*:", optional=True),
)
