"""What the HTTP face needs from the other rooms; ``app.py`` hands it in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from aiohttp import ClientConnectionError, web


class AlertKeeper(Protocol):
    """Shows alerts and does what people want done with them.  Belongs to the event loop.

    ``by`` is the name of the token of whoever acts.  Raises ApiProblem 404, 409 and 422.
    """

    async def page(self, wanted: Mapping[str, Any], limit: int, cursor: str | None) -> Mapping[str, Any]:
        """Return ``{"alerts": [...], "next_cursor": …}``, newest first; raises ValueError when the cursor is none.

        ``wanted``: ``status`` and ``level`` (alternatives), ``rule``, ``tag``, ``group`` (pairs), ``silenced``,
        ``inhibited``, ``disposition``, ``opened_from``, ``opened_to`` (microseconds); absent: all.  ``shadow`` is
        ``only`` or ``also``; absent: none of those.
        """
        ...

    async def get(self, alert_id: str) -> Mapping[str, Any]:
        """Return one alert with all that is known of it."""
        ...

    async def ratios(self, days: int) -> Mapping[str, Any]:
        """Return how often each rule was right."""
        ...

    async def act(self, alert_id: str, act: str, by: str, note: str | None) -> Mapping[str, Any]:
        """``acknowledge``, ``resolve`` or ``reopen`` an alert and return it."""
        ...

    async def dispose(self, alert_id: str, disposition: str, by: str, note: str | None) -> Mapping[str, Any]:
        """Say what an alert turned out to be and return it."""
        ...

    async def silence(
        self, matchers: Sequence[dict[str, Any]], starts: str | None, ends: str, reason: str, by: str
    ) -> Mapping[str, Any]:
        """Hide alerts for a time and return the silence."""
        ...

    async def end_silence(self, silence_id: str, by: str) -> Mapping[str, Any]:
        """End a silence before its time."""
        ...

    async def preview(self, matchers: Sequence[dict[str, Any]], days: int) -> Mapping[str, Any]:
        """Return what a silence would hide now, and would have hidden."""
        ...

    async def silenced(self, state: str | None) -> Sequence[Mapping[str, Any]]:
        """Return the silences."""
        ...

    async def get_silence(self, silence_id: str) -> Mapping[str, Any]:
        """Return one silence."""
        ...

    async def make_exception(
        self, alert_id: str, fields: Sequence[dict[str, Any]], until: str, reason: str, by: str
    ) -> Mapping[str, Any]:
        """Let events with an alert's field values count no more for its rule."""
        ...

    async def end_exception(self, exception_id: str, by: str) -> Mapping[str, Any]:
        """Take an exception out again."""
        ...

    async def excepted(self, state: str | None, rule: str | None) -> Sequence[Mapping[str, Any]]:
        """Return the exceptions."""
        ...

    async def get_exception(self, exception_id: str) -> Mapping[str, Any]:
        """Return one exception."""
        ...


class NotificationKeeper(Protocol):
    """Shows what people are told, and acts on it.  Belongs to the event loop.  Raises ApiProblem 404 and 409."""

    async def page(self, state: str | None, channel: str | None, limit: int, before: int | None) -> Mapping[str, Any]:
        """Return ``{"notifications": [...], "next_before": …}``, newest first."""
        ...

    async def channels(self) -> Sequence[Mapping[str, Any]]:
        """Return the channels and how they are."""
        ...

    async def retry(self, number: int, by: str) -> Mapping[str, Any]:
        """Try a dead letter again and return it."""
        ...

    async def drop(self, number: int, by: str) -> Mapping[str, Any]:
        """Give up a notification for good and return it."""
        ...

    async def test(self, channel: str, by: str) -> Mapping[str, Any]:
        """Send a test message through a channel and return what happened."""
        ...


class AgentKeeper(Protocol):
    """Knows the agents.  Belongs to the event loop, but for ``listed``.  Raises ApiProblem 404, 409 and 422."""

    def listed(self, state: str | None = None) -> list[dict[str, Any]]:
        """Return all agents, or those in one state; may be called in worker threads."""
        ...

    def get(self, agent_id: str) -> Mapping[str, Any]:
        """Return all that is known of an agent."""
        ...

    async def rename(self, agent_id: str, name: str, caller: str) -> Mapping[str, Any]:
        """Give an enrolled agent another name and return it."""
        ...

    async def revoke(self, agent_id: str, caller: str) -> None:
        """End an enrolled agent and its token."""
        ...


class News(Protocol):
    """Tells that events were stored.  Belongs to the event loop; any number may wait; a wait may be cancelled."""

    async def wait(self, after: int) -> int:
        """Return the arrival number of the newest event as soon as it is above ``after``."""
        ...


class Caller(Protocol):
    """Who sent a request."""

    @property
    def name(self) -> str:
        """The name of their token."""
        ...

    def may(self, scope: str) -> bool:
        """Return whether a scope is theirs."""
        ...


class FilterKeeper(Protocol):
    """Keeps saved filters.  Called in worker threads, several at once.  Raises ApiProblem 403, 404, 409, 412 and 422.

    ``version`` is what an ``If-Match`` names: a change of another version of the filter is refused.
    """

    def visible(self, caller: str) -> list[Mapping[str, Any]]:
        """Return the filters that a caller may see, by name."""
        ...

    def get(self, filter_id: str, caller: str) -> Mapping[str, Any]:
        """Return one of them."""
        ...

    def create(self, document: Mapping[str, Any], caller: str) -> Mapping[str, Any]:
        """Save a new one and return it."""
        ...

    def change(
        self, filter_id: str, document: Mapping[str, Any], caller: str, version: int | None
    ) -> Mapping[str, Any]:
        """Replace one and return it; ``version`` None: whichever there is."""
        ...

    def remove(self, filter_id: str, caller: str, version: int | None, *, any_owner: bool) -> None:
        """Remove one; ``any_owner``: also somebody else's that everyone sees."""
        ...


class RuleKeeper(Protocol):
    """Knows the rules.  Belongs to the event loop, but for ``listed`` and ``get``.  Raises ApiProblem 404 and 503."""

    @property
    def problems(self) -> list[str]:
        """What an operator must know of the rules as a whole."""
        ...

    def listed(self) -> list[dict[str, Any]]:
        """Return what is known of each rule; may be called in worker threads."""
        ...

    def get(self, rule_id: str) -> Mapping[str, Any]:
        """Return all that is known of a rule, by its id or its name; may be called in worker threads."""
        ...

    async def switch(self, rule_id: str, caller: str, *, enabled: bool, reason: str | None) -> Mapping[str, Any]:
        """Switch a rule on or off and return it."""
        ...

    async def shadow(self, rule_id: str, caller: str, *, shadow: bool, reason: str | None) -> Mapping[str, Any]:
        """Put a rule into shadow mode, or take it out, and return it."""
        ...

    async def reload(self, caller: str | None = None) -> Mapping[str, Any]:
        """Read the rules again; return ``{reloaded, rules, added, removed, changed, problems}``."""
        ...


class RuleDesk(Protocol):
    """Tries rules out.  Belongs to the event loop; raises ApiProblem 400, 404 and 422."""

    async def explain(self, rule_id: str, event_id: str) -> Mapping[str, Any]:
        """Return why a rule matches an event or does not, and what it remembers of the event's group."""
        ...

    async def explain_text(self, name: str, text: str, event_id: str) -> Mapping[str, Any]:
        """Return what the rules of a text make of an event."""
        ...

    def question(self, rule_id: str) -> Mapping[str, Any]:
        """Return the parameters of the question ``backtest`` that name a rule."""
        ...


#: What a write raises when the client went away: aiohttp names it by either.
CLIENT_GONE: Final = (ConnectionError, ClientConnectionError)

#: Lets a request with this scope through and says who sent it, or raises the problem that answers it.
Authorise = Callable[[web.Request, str], Caller]

#: Returns why the collector is not ready, None when it is.  Called in a worker thread.
ReadinessCheck = Callable[[], str | None]

#: Answers a question in a process that does nothing else and ends with it; raises ApiProblem.
RunAlone = Callable[[str, Mapping[str, object]], Awaitable[bytes]]
