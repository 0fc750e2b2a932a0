"""Tokens: what they are made of, what their holders may do.  No I/O.

A token is ``wb_`` and 43 characters of base64url: 32 random bytes.  That is too much to guess, so a plain SHA-256
keeps it as safe as a slow hash would.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

PREFIX: Final = "wb_"
#: What a one-time token for enrolling an agent begins with: it opens nothing else.
ENROLMENT_PREFIX: Final = "wbe_"
TOKEN_CHARS_MAX: Final = 128
#: ``respond``: act on alerts; it includes ``read``.  ``admin`` includes the others.
SCOPES: Final = ("ingest", "read", "respond", "admin")
_NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")


class TokenError(ValueError):
    """A token that cannot be made: the name or the scopes are wrong."""


@dataclass(frozen=True)
class Token:
    """A token as it is remembered; times are microseconds since the epoch, ``agent`` is whose it is, if an agent's."""

    id: int
    name: str
    scopes: tuple[str, ...]
    digest: bytes
    created: int
    last_used: int | None
    revoked: int | None
    agent: str | None = None


class Principal(NamedTuple):
    """Who sent a request; ``agent`` is the id of the enrolled agent whose token it is."""

    token_id: int
    name: str
    scopes: frozenset[str]
    agent: str | None = None

    def may(self, scope: str) -> bool:
        """Return whether the scope is theirs."""
        return scope in self.scopes or "admin" in self.scopes or (scope == "read" and "respond" in self.scopes)


def new_token(prefix: str = PREFIX) -> str:
    """Return a fresh token."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def check_name(name: str) -> None:
    """Raise TokenError unless the name is 1 to 100 printable characters."""
    if not _NAME.fullmatch(name):
        raise TokenError(f"expected a name of 1 to 100 printable characters, found {name[:120]!r}")


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes in their usual order; raises TokenError when there is none or an unknown one."""
    given = set(scopes)
    unknown = sorted(given - set(SCOPES))
    if unknown or not given:
        found = ", ".join(map(repr, unknown)) or "none"
        raise TokenError(f"expected scopes out of {', '.join(SCOPES)}, found {found}")
    return tuple(scope for scope in SCOPES if scope in given)


class TokenBook:
    """The tokens that are valid, and those that were, found by what is stored of them."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._by_digest: Mapping[bytes, Token] = {token.digest: token for token in tokens}

    def find(self, text: str) -> Principal | None:
        """Return whose token the text is, None when it is nobody's (any more)."""
        token = self._found(text)
        if token is None or token.revoked is not None:
            return None
        return Principal(token.id, token.name, frozenset(token.scopes), token.agent)

    def revoked(self, text: str) -> Token | None:
        """Return the token that the text was until it was revoked."""
        token = self._found(text)
        return None if token is None or token.revoked is None else token

    def _found(self, text: str) -> Token | None:
        if not text.startswith(PREFIX) or len(text) > TOKEN_CHARS_MAX:
            return None
        digest = digest_of(text)
        token = self._by_digest.get(digest)
        # The look-up says nothing about the token: digests cannot be chosen.  Compared once more in constant time.
        return token if token is not None and hmac.compare_digest(token.digest, digest) else None
