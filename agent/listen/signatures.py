"""Whether a request shows that it comes from somebody who knows the secret.  Pure.

- ``bearer``: RFC 6750, section 2.1.
- ``hmac``: ``sha256=`` and the hexadecimal HMAC-SHA256 of the body, as GitHub signs its webhooks.
- ``standard``: Standard Webhooks, symmetric (``v1``): base64 HMAC-SHA256 of ``ID.TIMESTAMP.BODY``.

Every comparison takes the same time however much of it is right, and all secrets are tried.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agent.listen.hook_refusal import RefusedError
from agent.listen.hook_settings import HookSettings
from watchbook.clock import SECOND_US

_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURES_MAX: Final = 16


def check_head(settings: HookSettings, headers: Mapping[str, str], keys: Sequence[bytes], now_us: int) -> None:
    """Check what the headers alone tell, before a body is read; raises RefusedError."""
    if settings.auth == "bearer":
        _check_bearer(headers, keys)
    elif settings.auth == "hmac":
        _needed(headers, settings.signature_header)
    elif settings.auth == "standard":
        _needed(headers, "webhook-id")
        _needed(headers, "webhook-signature")
        _check_age(_needed(headers, "webhook-timestamp"), settings.tolerance, now_us)


def check_body(settings: HookSettings, headers: Mapping[str, str], keys: Sequence[bytes], body: bytes) -> None:
    """Check the signature of a body whose headers were checked; raises RefusedError."""
    if settings.auth == "hmac":
        given = _bytes(headers[settings.signature_header]).strip().removeprefix(b"sha256=").lower()
        right = _any(keys, lambda key: hmac.new(key, body, hashlib.sha256).hexdigest().encode(), [given])
        _signed(right, settings.signature_header)
    elif settings.auth == "standard":
        head = f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
        signed = _bytes(head) + body
        found = _signatures(headers["webhook-signature"])
        right = _any(keys, lambda key: hmac.new(key, signed, hashlib.sha256).digest(), found)
        _signed(right, "webhook-signature")


def _check_bearer(headers: Mapping[str, str], keys: Sequence[bytes]) -> None:
    challenge = {"WWW-Authenticate": "Bearer"}
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusedError(401, "unauthorized", "expected the header Authorization: Bearer SECRET", challenge)
    if not _any(keys, lambda key: key, [_bytes(token.strip())]):
        detail = "the token is not that of this hook; compare it with the agent's 'secret_file'"
        raise RefusedError(401, "unauthorized", detail, challenge)


def _check_age(timestamp: str, tolerance: float, now_us: int) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise RefusedError(401, "unauthorized", "expected seconds since the epoch in the header webhook-timestamp")
    off_s = int(timestamp) - now_us / SECOND_US
    if abs(off_s) > tolerance:
        word = "ago" if off_s < 0 else "ahead"
        detail = f"webhook-timestamp is {abs(off_s):.0f} s {word}, {tolerance:.0f} s are allowed; compare the clocks"
        raise RefusedError(403, "stale", detail)


def _needed(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise RefusedError(401, "unauthorized", f"expected the header {name}; this hook takes signed requests only")
    return value


def _signed(right: bool, name: str) -> None:
    if not right:
        detail = f"{name} is not the signature of this body with this hook's secret; compare the secrets of both sides"
        raise RefusedError(403, "signature", detail)


def _any(keys: Sequence[bytes], expected: Callable[[bytes], bytes], given: Sequence[bytes]) -> bool:
    found = False
    for key in keys:
        wanted = expected(key)
        for each in given:
            found |= hmac.compare_digest(wanted, each)
    return found


def _signatures(header: str) -> list[bytes]:
    found = []
    for each in header.split(" ")[:_SIGNATURES_MAX]:
        version, _, text = each.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
