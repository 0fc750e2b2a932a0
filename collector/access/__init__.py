"""Who may do what: tokens, their scopes, and the answer to a request that lacks one.

- ``tokens``: what a token is, how one is made and remembered (only its SHA-256 is ever stored).
- ``token_store``: the table in ``state.db``; also what the command line uses.
- ``gate``: tokens in memory, kept up to date, and the decision on each request.
- ``migrations``: the tables, for ``state.db``.

Invariants: a request's token is looked up in memory, never in the database, on the event loop.  A token that another
process created works with the first request that carries it; a revoked one stops working within ``refresh``.
"""

from collector.access.gate import Gate
from collector.access.migrations import MIGRATIONS
from collector.access.settings import AccessSettings
from collector.access.token_store import TokenStore, issue_agent_token, withdraw_agent_tokens
from collector.access.tokens import (
    ENROLMENT_PREFIX,
    SCOPES,
    Principal,
    Token,
    TokenError,
    digest_of,
    new_token,
)

__all__ = [
    "ENROLMENT_PREFIX",
    "MIGRATIONS",
    "SCOPES",
    "AccessSettings",
    "Gate",
    "Principal",
    "Token",
    "TokenError",
    "TokenStore",
    "digest_of",
    "issue_agent_token",
    "new_token",
    "withdraw_agent_tokens",
]
