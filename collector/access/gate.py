"""The gate: tokens in memory, kept up to date, and the decision on each request."""

import asyncio
import sqlite3
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter

from collector.access.settings import AccessSettings
from collector.access.token_store import TokenStore
from collector.access.tokens import ENROLMENT_PREFIX, Principal, TokenBook
from collector.problem import ApiProblem
from watchbook.clock import SECOND_US, Clock, now_us
from watchbook.daemon import Stop
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("access")

_REALM: Final = 'Bearer realm="watchbook"'


class Gate:
    """Knows whose token a request carries.  All methods belong to the event loop's thread."""

    def __init__(
        self, store: TokenStore, settings: AccessSettings, registry: CollectorRegistry, clock: Clock = now_us
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._book = TokenBook()
        self._uses: dict[int, int] = {}
        self._refreshing = asyncio.Lock()
        self._refresh_began = float("-inf")
        self._failures = RepeatedFailure(log.error, "tokens_refresh", clock)
        self._refused = Counter(
            "watchbook_access_refused",
            "Requests refused for their token: missing, unknown, revoked, enrolment (a one-time token), scope.",
            ["reason"],
            registry=registry,
        )

    def authenticate(self, token: str) -> Principal | None:
        """Return whose token this is, None when it is nobody's."""
        principal = self._book.find(token)
        if principal is not None:
            self._uses[principal.token_id] = self._clock()
        return principal

    def authorise(self, request: web.BaseRequest, scope: str) -> Principal:
        """Return who sent a request; raises ApiProblem 401 (no token, or nobody's) or 403 (not in its scopes)."""
        token = _bearer(request)
        if token is None:
            raise self._refusal(
                "missing", 401, "this needs a token: send the header 'Authorization: Bearer wb_…'; make one with "
                f"'watchbook collector token create --name NAME --scope {scope}'", _REALM,
            )  # fmt: skip
        principal = self.authenticate(token)
        if principal is None:
            raise self._unknown(token)
        if not principal.may(scope):
            raise self._refusal(
                "scope", 403, f"the token {principal.name!r} may {' and '.join(sorted(principal.scopes))}, this needs "
                f"{scope}", f'{_REALM}, error="insufficient_scope", scope="{scope}"',
            )  # fmt: skip
        return principal

    def middleware(self) -> Middleware:
        """Return a middleware that makes a token created a moment ago, elsewhere, known before the handler asks."""

        @web.middleware
        async def look_again(request: web.Request, handler: Handler) -> web.StreamResponse:
            token = _bearer(request)
            if token is not None and self._book.find(token) is None:
                await self._refresh_since(asyncio.get_running_loop().time())
            return await handler(request)

        return look_again

    async def refresh(self) -> None:
        """Read the tokens again if the database changed."""
        async with self._refreshing:
            self._refresh_began = asyncio.get_running_loop().time()
            tokens = await asyncio.to_thread(self._store.changed)
            if tokens is not None:
                self._book = TokenBook(tokens)

    async def run(self, stop: Stop) -> None:
        """Keep the tokens up to date, and note their use, until the stop is asked for."""
        noted = self._clock()
        while not await stop.wait(self._settings.refresh):
            await self._try_refresh()
            if self._clock() - noted >= self._settings.note_use_every * SECOND_US:
                noted = self._clock()
                await self._note_uses()
        await self._note_uses()

    async def close(self) -> None:
        """Close the store's connection."""
        await asyncio.to_thread(self._store.close)

    async def _refresh_since(self, arrived: float) -> None:
        # Many requests with unknown tokens share one look at the database: any that began after they came will do.
        while self._refreshing.locked():
            async with self._refreshing:
                pass
            if self._refresh_began >= arrived:
                return
        await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except sqlite3.Error as error:
            # The tokens known so far go on working; the next round tries again.
            self._failures.failed(str(error))
        else:
            self._failures.succeeded()

    async def _note_uses(self) -> None:
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await asyncio.to_thread(self._store.note_uses, uses)
        except sqlite3.Error as error:
            self._uses = {**uses, **self._uses}
            self._failures.failed(str(error))

    def _unknown(self, text: str) -> ApiProblem:
        invalid = f'{_REALM}, error="invalid_token"'
        revoked = self._book.revoked(text)
        if revoked is not None and revoked.agent is not None:
            return self._refusal(
                "revoked", 401, f"the agent {revoked.agent} that this token was for was revoked; to let it in again, "
                "enrol it: 'watchbook collector enrolment create'", invalid,
            )  # fmt: skip
        if revoked is not None:
            return self._refusal(
                "revoked", 401, f"this token, named {revoked.name!r}, was revoked; 'watchbook collector token list' "
                "shows the valid ones", invalid,
            )  # fmt: skip
        if text.startswith(ENROLMENT_PREFIX):
            return self._refusal(
                "enrolment", 401, "this one-time token is for enrolling an agent, which gives the agent a token of "
                "its own: run 'watchbook agent enroll' on its host", invalid,
            )  # fmt: skip
        return self._refusal(
            "unknown", 401, "this token is unknown; 'watchbook collector token list' shows the valid ones", invalid
        )

    def _refusal(self, reason: str, status: int, detail: str, challenge: str) -> ApiProblem:
        self._refused.labels(reason).inc()
        headers: dict[str, Any] = {"WWW-Authenticate": challenge}
        return ApiProblem(status, f"token-{reason}", detail, headers=headers)


def _bearer(request: web.BaseRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
