"""``/v1/notifications`` and ``/v1/channels``: what people are told, what did not arrive, and how each channel is."""

from typing import Final

from aiohttp import web

from collector.problem import ApiProblem
from collector.web.alerts import RESPOND
from collector.web.parameters import one, read_number, read_parameters
from collector.web.ports import Authorise, NotificationKeeper
from collector.web.representation import json_response
from collector.web.vocabulary import BEFORE, LIMIT, NOTIFICATIONS

_NUMBER_CHARS_MAX: Final = 18


class NotificationHandlers:
    """Lists notifications and channels, tries dead letters again, drops them, tests channels."""

    def __init__(self, keeper: NotificationKeeper, authorise: Authorise) -> None:
        self._keeper = keeper
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with notifications, newest first."""
        self._authorise(request, "read")
        values = read_parameters(request, NOTIFICATIONS)
        before = read_number(values, BEFORE) if one(values, BEFORE.name) is not None else None
        return json_response(
            await self._keeper.page(one(values, "state"), one(values, "channel"), read_number(values, LIMIT), before)
        )

    async def retry(self, request: web.Request) -> web.Response:
        """Try a dead letter again."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        return json_response(await self._keeper.retry(_number(request), caller.name))

    async def drop(self, request: web.Request) -> web.Response:
        """Give up a notification for good."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        return json_response(await self._keeper.drop(_number(request), caller.name))

    async def channels(self, request: web.Request) -> web.Response:
        """Answer with the channels."""
        self._authorise(request, "read")
        read_parameters(request, ())
        return json_response({"channels": await self._keeper.channels()})

    async def test(self, request: web.Request) -> web.Response:
        """Send a test message and answer with what happened."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        return json_response(await self._keeper.test(request.match_info["name"], caller.name))


def _number(request: web.Request) -> int:
    text = request.match_info["number"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _NUMBER_CHARS_MAX):
        raise ApiProblem(404, "not-found", f"there is no notification {text[:80]!r}; its number is asked for")
    return int(text)
