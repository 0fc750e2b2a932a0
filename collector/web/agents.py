"""``/v1/agents``: who is let in, who was heard of, and how they are."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from collector.problem import ApiProblem
from collector.web.parameters import one, read_parameters
from collector.web.ports import AgentKeeper, Authorise
from collector.web.representation import json_response
from collector.web.vocabulary import AGENTS


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    name: str


_change_decoder: Final = msgspec.json.Decoder(_Change)


class AgentHandlers:
    """Lists, shows, renames and revokes agents."""

    def __init__(self, keeper: AgentKeeper, authorise: Authorise) -> None:
        self._keeper = keeper
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with all agents, or those in one state."""
        self._authorise(request, "read")
        values = read_parameters(request, AGENTS)
        return json_response({"agents": await asyncio.to_thread(self._keeper.listed, one(values, "state"))})

    async def get(self, request: web.Request) -> web.Response:
        """Answer with all that is known of one."""
        self._authorise(request, "read")
        read_parameters(request, ())
        return json_response(self._keeper.get(request.match_info["id"]))

    async def change(self, request: web.Request) -> web.Response:
        """Give an agent another name."""
        caller = self._authorise(request, "admin")
        read_parameters(request, ())
        try:
            change = _change_decoder.decode(await request.read())
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise ApiProblem(422, "invalid-agent", f'expected {{"name": …}}: {error}') from error
        return json_response(await self._keeper.rename(request.match_info["id"], change.name, caller.name))

    async def remove(self, request: web.Request) -> web.Response:
        """Revoke an agent: its token is refused from now on."""
        caller = self._authorise(request, "admin")
        read_parameters(request, ())
        await self._keeper.revoke(request.match_info["id"], caller.name)
        return web.Response(status=204)
