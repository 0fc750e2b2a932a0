"""``/v1/rules``: what each rule does and costs, switching it on and off, and reading all of them again."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from collector.problem import ApiProblem
from collector.web.parameters import one, read_parameters
from collector.web.ports import Authorise, RuleKeeper
from collector.web.representation import json_response
from collector.web.vocabulary import RULES


class _Why(msgspec.Struct, forbid_unknown_fields=True):
    reason: str | None = None


class _Shadow(msgspec.Struct, forbid_unknown_fields=True):
    shadow: bool
    reason: str | None = None


_REASON_CHARS_MAX: Final = 1000
_decoder: Final = msgspec.json.Decoder(_Why)
_shadow_decoder: Final = msgspec.json.Decoder(_Shadow)


class RuleHandlers:
    """Lists, shows, switches and reloads rules."""

    def __init__(self, keeper: RuleKeeper, authorise: Authorise) -> None:
        self._keeper = keeper
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with all rules, or those in one state."""
        self._authorise(request, "read")
        state = one(read_parameters(request, RULES), "state")
        rules = await asyncio.to_thread(self._keeper.listed)
        chosen = [rule for rule in rules if state is None or rule["state"] == state]
        return json_response({"rules": chosen, "problems": self._keeper.problems})

    async def get(self, request: web.Request) -> web.Response:
        """Answer with all that is known of one."""
        self._authorise(request, "read")
        read_parameters(request, ())
        return json_response(await asyncio.to_thread(self._keeper.get, request.match_info["id"]))

    async def enable(self, request: web.Request) -> web.Response:
        """Switch a rule on; one that was set aside too."""
        return await self._switch(request, enabled=True)

    async def disable(self, request: web.Request) -> web.Response:
        """Switch a rule off."""
        return await self._switch(request, enabled=False)

    async def shadow(self, request: web.Request) -> web.Response:
        """Put a rule into shadow mode, or take it out."""
        caller = self._authorise(request, "admin")
        read_parameters(request, ())
        wanted = _shadow(await request.read())
        reason = _checked_reason(wanted.reason)
        change = self._keeper.shadow(request.match_info["id"], caller.name, shadow=wanted.shadow, reason=reason)
        return json_response(await asyncio.shield(change))

    async def reload(self, request: web.Request) -> web.Response:
        """Read the rules again; when they are wrong nothing changes, and the answer says what is."""
        caller = self._authorise(request, "admin")
        read_parameters(request, ())
        found = await asyncio.shield(self._keeper.reload(caller.name))
        if not found["reloaded"]:
            problems = found["problems"]
            detail = f"{len(problems)} mistakes in the rules; the ones before stay in force: {problems[0]}"
            raise ApiProblem(409, "rules-refused", detail, errors=[{"message": text} for text in problems])
        return json_response(found)

    async def _switch(self, request: web.Request, *, enabled: bool) -> web.Response:
        caller = self._authorise(request, "admin")
        read_parameters(request, ())
        reason = _reason(await request.read())
        switch = self._keeper.switch(request.match_info["id"], caller.name, enabled=enabled, reason=reason)
        return json_response(await asyncio.shield(switch))  # a client that goes away must not leave it half done


def _reason(body: bytes) -> str | None:
    if not body:
        return None
    try:
        reason = _decoder.decode(body).reason
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ApiProblem(422, "invalid-switch", f'expected {{"reason": …}} or no body: {error}') from error
    return _checked_reason(reason)


def _shadow(body: bytes) -> _Shadow:
    try:
        return _shadow_decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ApiProblem(422, "invalid-switch", f'expected {{"shadow": true or false}}: {error}') from error


def _checked_reason(reason: str | None) -> str | None:
    if reason is not None and len(reason) > _REASON_CHARS_MAX:
        raise ApiProblem(422, "invalid-switch", f"the reason has more than {_REASON_CHARS_MAX} characters")
    return reason or None
