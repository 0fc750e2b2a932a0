"""The whole face over a real store, behind a real server in a thread of its own: for clients that block."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from collector.access import AccessSettings, Gate, TokenStore
from collector.agents import AgentDoor, AgentsSettings
from collector.filters import FilterSettings, FilterStore
from collector.lifecycle import History, LifecycleSettings
from collector.news import News
from collector.query import Answers, NoIndexes, QuerySettings
from collector.questions import make_questions
from collector.receive import Receiver, ReceiveSettings
from collector.refusals import problem_of
from collector.state import COMPATIBILITY, open_state
from collector.store import Store, StoreSettings
from collector.web import WebSettings, add_routes, make_application, runner_options
from tests.collector.lifecycle.counted import count_by_the_hour
from tests.collector.web.catalogued import CATALOGUES
from tests.collector.web.kept_notifications import notifications_of
from tests.collector.web.kept_rules import KeptRules
from tests.collector.web.listed_alerts import desk_of
from tests.collector.web.registered import registry_of
from watchbook.clock import now_us
from watchbook.units import Bytes
from watchbook.wire import columns_of, decode_batch, encode_batch


class Threads:
    """Answers questions in threads of this process: stands where the pool of query processes stands."""

    def __init__(self, answers: Answers, history: History) -> None:
        self._questions = {**make_questions(answers), "rollup": history.answer}

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        return await asyncio.to_thread(self._questions[question], parameters)


class Served:
    """A server at ``url``, and a token that may do everything."""

    def __init__(self, folder: Path, events: list[list[dict[str, Any]]]) -> None:
        self._folder = folder
        self._events = events
        self.url = ""
        self.token = ""

    async def run(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until the stop."""
        async with AsyncExitStack() as stack:
            app = await self._build(stack)
            # A longer request line is refused before any of our code sees it, as text.
            settings = WebSettings(request_line_bytes_max=Bytes(1 << 20))
            runner = web.AppRunner(app, **runner_options(settings))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await stop.wait()

    async def _build(self, stack: AsyncExitStack) -> web.Application:
        registry = CollectorRegistry()
        state = self._folder / "state.db"
        (await asyncio.to_thread(open_state, state)).close()
        tokens = TokenStore(state, COMPATIBILITY)
        self.token = await asyncio.to_thread(tokens.create, "tester", ["admin"])
        gate = Gate(tokens, AccessSettings(), registry)
        stack.push_async_callback(gate.close)
        await gate.refresh()
        store = await Store.open(
            self._folder / "segments", StoreSettings(), batch_bytes_max=1 << 30, clock=now_us,
            on_committed=lambda _: None,
        )  # fmt: skip
        stack.push_async_callback(store.close)
        for sequence, batch in enumerate(self._events, 1):
            data = encode_batch(len(batch), columns_of(batch))
            await store.append("5" * 32, sequence, data, decode_batch(data, bytes_max=1 << 30))
        rollups = self._folder / "rollups.db"
        await asyncio.to_thread(count_by_the_hour, rollups, [(now_us(), "acme")] * 3, [(0, "globex")])
        answerer = Threads(
            Answers(store.reader, NoIndexes(), QuerySettings(), registry), History(rollups, LifecycleSettings())
        )
        agents = registry_of(state)
        await agents.load()
        rules = await asyncio.to_thread(KeptRules, state)
        stack.push_async_callback(rules.close)
        desk, alerts = await asyncio.to_thread(desk_of, state)
        notifications, kept, _ = await asyncio.to_thread(notifications_of, state)
        stack.push_async_callback(asyncio.to_thread, kept.close)
        stack.push_async_callback(asyncio.to_thread, alerts.close)
        app = make_application(registry, body_bytes_max=1 << 20, middlewares=[gate.middleware()])
        Receiver(
            ReceiveSettings(), append=store.append, own_stream=lambda: store.own_stream,
            authorise=lambda request: gate.authorise(request, "ingest"), translate=problem_of, clock=now_us,
            registry=registry,
        ).add_routes(app)  # fmt: skip
        AgentDoor(
            agents, AgentsSettings(enrolment_failures_max=100_000),
            authorise=lambda request: gate.authorise(request, "ingest"), clock=now_us, registry=registry,
        ).add_routes(app)  # fmt: skip
        add_routes(
            app, WebSettings(), answerer=answerer, news=News(store.last_number), run_alone=answerer.ask,
            scratch=self._folder / "exports", filters=FilterStore(state, COMPATIBILITY, FilterSettings()),
            alerts=desk, notifications=notifications, agents=agents, rules=rules.keeper, rule_desk=rules.desk,
            authorise=gate.authorise, registry=registry, readiness={}, catalogues=CATALOGUES,
        )  # fmt: skip
        return app


@contextmanager
def served(folder: Path, events: list[list[dict[str, Any]]]) -> Iterator[Served]:
    """Give a server over batches of flat events."""
    server = Served(folder, events)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            loop.run_until_complete(server.run(ready, stop))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the server
            failed.append(error)
            ready.set()
        finally:
            loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(30)
    if failed:
        raise failed[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
