"""Joins the demo: the stage, the receiver, both programs, the writer, and the reckoning at the end."""

import asyncio
import shutil
from collections.abc import Sequence
from typing import Final, NamedTuple

import aiohttp

from watchbook.daemon import Stop
from watchbook.demo.agent_view import AgentView, ask_agent
from watchbook.demo.alarms import SHIPPED_RULES, Alarms
from watchbook.demo.api import Api, is_ready
from watchbook.demo.live import Sample, live_line
from watchbook.demo.programs import Program, ProgramError, create_token
from watchbook.demo.receiver import Receiver
from watchbook.demo.show import Board, banner, summary
from watchbook.demo.stage import Stage
from watchbook.demo.tally import Account, Outcome, Stored
from watchbook.demo.writer import Application, applications, write_until

READY_S: Final = 60.0
POLL_S: Final = 0.2
LIVE_S: Final = 1.0
#: Asking the agent starts a process, so it is done less often than a live line on a terminal is drawn.
ASK_AGENT_EVERY_S: Final = 3.0
#: How long nothing new may be stored, after the writer's end, before the rest counts as lost.
STALLED_S: Final = 30.0
#: How long the first alert of a rule may take after its events were stored.
ALERTS_S: Final = 20.0


class Options(NamedTuple):
    """What was asked for on the command line: how long (None: until a signal), and how many lines a second in all."""

    seconds: float | None
    rate: float
    keep: bool


class Demo:
    """One demo on one stage.  ``succeeded`` tells, after :meth:`run`, whether nothing was missing."""

    def __init__(self, stage: Stage, options: Options, board: Board) -> None:
        self.succeeded = False
        self._keep = options.keep
        self._options = options
        self._board = board
        self._stage = stage
        self._alarms = Alarms(board.say)
        self._collector = Program("collector", stage.collector_yaml, stage.folder / "collector.log")
        self._agent = Program("agent", stage.agent_yaml, stage.folder / "agent.log")
        self._applications: Sequence[Application] = ()

    async def run(self, stop: Stop) -> None:
        """Run the demo until the stop is asked for, or its seconds are over; then reckon."""
        try:
            async with Receiver(self._stage.secret, self._alarms.take) as receiver:
                token = await self._start(receiver.url)
                if stop.asked.is_set():
                    self._board.say("Stopped before anything was written.")
                    return
                self._board.say(*banner(self._stage, token, self._options.seconds))
                async with Api(self._stage.url, token) as api:
                    await self._write(stop, api)
                    outcome = await self._reckon(api)
            self._board.say(*summary(outcome))
            self.succeeded = not outcome.shortcomings()
        except (ProgramError, aiohttp.ClientError, TimeoutError) as error:
            self._board.say("", f"FAILED: {str(error) or repr(error)}")
        finally:
            for application in self._applications:
                application.close()
            for program in (self._agent, self._collector):
                await program.kill()
        if not self.succeeded:
            self._keep = True
            for program in (self._collector, self._agent):
                self._board.say("", f"The last lines of the {program.name}'s log:", program.tail())

    def clean_up(self) -> None:
        """Remove the folder, unless it was asked for or is needed to find out what went wrong."""
        if self._keep:
            self._board.say(f"Kept: {self._stage.folder}")
        else:
            shutil.rmtree(self._stage.folder)

    async def _start(self, hook: str) -> str:
        """Start both programs as a person would, and return a token for reading."""
        stage = self._stage
        self._board.say(f"Setting up in {stage.folder} …")
        stage.set_up()
        stage.write_collector(hook)
        self._applications = applications(stage.logs)
        stage.write_agent(await create_token(stage.collector_yaml, "demo-agent", "ingest"), self._applications)
        token = await create_token(stage.collector_yaml, "demo-operator", "read")
        await self._collector.start()
        await self._until_ready()
        await self._agent.start()
        return token

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_S
        while not await is_ready(self._stage.url):
            if not self._collector.running:
                raise ProgramError(f"the collector ended with {self._collector.exit_code} before it was ready")
            if loop.time() > deadline:
                raise ProgramError(f"the collector was not ready within {READY_S:.0f} s")
            await asyncio.sleep(POLL_S)

    async def _write(self, stop: Stop, api: Api) -> None:
        """Write the logs and show how they go through, until it is time to stop."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(write_until(stop.asked, self._applications, self._options.rate))
                group.create_task(self._show_live(stop, api))
                if self._options.seconds is not None:
                    await stop.wait(self._options.seconds)
                    stop.asked.set()
        finally:
            self._board.settle()

    async def _show_live(self, stop: Stop, api: Api) -> None:
        loop = asyncio.get_running_loop()
        start = ask_at = loop.time()
        last, view = Sample(0.0, 0, 0, 0, 0, 0), AgentView({}, 0)
        while not await stop.wait(LIVE_S):
            if not (self._collector.running and self._agent.running):
                stop.asked.set()
                return
            if not self._board.wants_live(loop.time() - start):
                continue
            stored = last.stored
            try:
                if loop.time() >= ask_at:
                    view = await ask_agent(self._stage.agent_yaml)
                    ask_at = loop.time() + ASK_AGENT_EVERY_S
                stored = await api.stored()
            except (aiohttp.ClientError, TimeoutError, ProgramError):
                pass  # it shows: the numbers stand still
            now = Sample(
                elapsed_s=loop.time() - start,
                written=self._written(),
                read=view.read_in_all,
                delivered=view.delivered_in_all,
                stored=stored,
                alerts=self._alarms.total(),
            )
            self._board.live(live_line(last, now))
            last = now

    def _written(self) -> int:
        return sum(application.written for application in self._applications)

    async def _reckon(self, api: Api) -> Outcome:
        """Let everything arrive, compare, and stop both programs, the agent first."""
        self._board.say("", f"The writer has stopped after {self._written():,} lines. Waiting for the last of them …")
        await self._until_stored(api)
        try:
            async with asyncio.timeout(ALERTS_S):
                await self._alarms.complete.wait()
        except TimeoutError:
            pass  # the outcome names the rules that are missing
        self._board.say("Comparing what was written with what is stored …")
        stored = Stored()
        async for events in api.pages():
            stored.add(events)
        await self._agent.stop()
        view = await ask_agent(self._stage.agent_yaml)
        await self._collector.stop()
        return Outcome(
            accounts=[self._account(application, stored, view) for application in self._applications],
            rules=SHIPPED_RULES,
            alerts=self._alarms.counts(),
            exit_codes={program.name: program.exit_code for program in (self._agent, self._collector)},
        )

    async def _until_stored(self, api: Api) -> None:
        """Wait until as many events are stored as lines were written, or no more come."""
        loop = asyncio.get_running_loop()
        stored, grew_at = await api.stored(), loop.time()
        while stored < self._written() and loop.time() - grew_at < STALLED_S and self._agent.running:
            await asyncio.sleep(POLL_S)
            before, stored = stored, await api.stored()
            if stored > before:
                grew_at = loop.time()

    def _account(self, application: Application, stored: Stored, view: AgentView) -> Account:
        name = application.name
        return Account(
            name=name,
            written=application.written,
            read=view.read.get(name),
            delivered=view.delivered(name),
            stored=stored.events(name),
            lines=stored.lines(name),
            unparsed=stored.unparsed(name),
        )
