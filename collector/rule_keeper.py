"""The life of the rule set: reading it again, switching rules on and off, and what is known of each rule.

What is at work is changed only by a set that is right as a whole: a set with mistakes changes nothing, and is told of
in the log, in the status, on ``/healthz``, by a metric and by an event.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from collector import rule_reports
from collector.detect import Compiled, RuleSet
from collector.problem import ApiProblem
from collector.rule_documents import RuleView, document_of, row_of, state_of
from collector.switches import RuleSwitches, Switch
from collector.watch import Watch
from watchbook.clock import SECOND_US, Clock
from watchbook.configfile import ConfigError
from watchbook.daemon import Stop, notify_ready, notify_reloading
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("rules")

Document = dict[str, Any]
#: Stores events under a key; returns why that cannot be done now, None when it is done.
Tell = Callable[[Sequence[Mapping[str, Any]], str], Awaitable[str | None]]
_DAY_US: Final = 86_400 * SECOND_US
_LOOK_S: Final = 1.0
#: Mistakes that are written to the log; all of them are in the answer and in ``rules lint``.
_LOGGED_MAX: Final = 20


class RuleKeeper:
    """Keeps the rules.  Belongs to the event loop, but for ``listed`` and ``get``, which may be called in any thread.

    ``load`` reads the rules as they are now and raises ConfigError; it is called in a thread.  ``switched`` is what
    ``switches`` hold, ``alerts_since`` gives how many alerts each rule has opened since a time.  ``changed`` is told of
    other rules that are in force now.
    """

    def __init__(
        self,
        rules: RuleSet,
        load: Callable[[], RuleSet],
        watch: Watch,
        switches: RuleSwitches,
        *,
        switched: Mapping[str, Switch],
        alerts_since: Callable[[int], Mapping[str, int]],
        clock: Clock,
        changed: Callable[[RuleSet], None] = lambda _: None,
    ) -> None:
        self._rules = rules
        self._load = load
        self._watch = watch
        self._switches = switches
        self._alerts_since = alerts_since
        self._clock = clock
        self._changed = changed
        self._lock = asyncio.Lock()
        self._switched = dict(switched)
        self._telling = RepeatedFailure(log.error, "rules_told", clock)
        self._untold = True
        #: What is wrong with the rules as they are on disk, since the last time they were read.
        self.mistakes: list[str] = []
        self.reloads = {"taken": 0, "refused": 0}
        #: How many rules were set aside since the start.
        self.set_aside = 0

    @property
    def problems(self) -> list[str]:
        """What an operator must know: mistakes in the files, rules that were set aside."""
        found = []
        if self.mistakes:
            more = f" (and {len(self.mistakes) - 1} more)" if len(self.mistakes) > 1 else ""
            found.append(f"the rules on disk are wrong, the ones before stay in force: {self.mistakes[0]}{more}")
        for rule_id, why in self._watch.engine.set_aside.items():
            found.append(f"the rule {self._title(rule_id)!r} is set aside: it {why}; mend it, or enable it")
        return found

    def states(self) -> Mapping[str, int]:
        """Return how many rules are in which state."""
        counts: dict[str, int] = {"active": 0, "disabled": 0, "set_aside": 0, "counted": 0}
        for row in self.listed(alerts=False):
            counts[row["state"]] += 1
        return counts

    def dearest(self, number: int) -> list[tuple[str, float]]:
        """Return the rules that cost most, and their cost in seconds since the start."""
        costs = [(rule_id, cost_ns / 1e9) for rule_id, (cost_ns, _) in self._watch.engine.costs().items() if cost_ns]
        return sorted(costs, key=lambda each: -each[1])[:number]

    def listed(self, *, alerts: bool = True) -> list[Document]:
        """Return what is known of each rule, by title."""
        view = self._view(alerts=alerts)
        rows = [row_of(document, view) for document in self._documents()]
        return sorted(rows, key=lambda row: (row["title"].casefold(), row["id"]))

    def get(self, rule_id: str) -> Document:
        """Return all that is known of a rule, named by its id or its name; raises ApiProblem 404."""
        found = self._found(rule_id)
        return document_of(found, self._view(alerts=True), self._rules.documents)

    def compiled(self, name: str) -> tuple[Compiled, Sequence[Compiled]]:
        """Return a rule as it was read, and all that were read with it; raises ApiProblem 404."""
        return self._found(name), self._rules.documents

    @property
    def rules(self) -> RuleSet:
        """The rules as they were read last, also those that are switched off."""
        return self._rules

    def state_of(self, rule_id: str) -> str:
        """Return in which state a rule is; may be called in any thread."""
        return state_of(rule_id, self._view(alerts=False))

    async def switch(self, rule_id: str, caller: str, *, enabled: bool, reason: str | None) -> Document:
        """Switch a rule on or off.

        Raises ApiProblem 404, 409 for one that only others count, and 503 when that cannot be written down.
        """
        async with self._lock:
            found = self._found(rule_id)
            identity, title = found.brief.id, found.brief.title
            if not enabled:
                self._refuse_counted(found)
            known = self._switched.get(identity)
            switch = Switch(
                identity, enabled, reason, caller, self._clock(), None if known is None else known.shadow
            )  # fmt: skip
            report = rule_reports.switched(
                switch.changed, identity, title, enabled=enabled, caller=caller, reason=reason
            )
            await self._put(switch, report)
            log.info("rule_enabled" if enabled else "rule_disabled", rule=identity, title=title, by=caller)
            await self._apply(self._rules, aside=self._watch.engine.set_aside.keys() - {identity})
        return await asyncio.to_thread(self.get, identity)

    async def shadow(self, rule_id: str, caller: str, *, shadow: bool, reason: str | None) -> Document:
        """Put a rule on trial, or take it off it; raises as :meth:`switch`."""
        async with self._lock:
            found = self._found(rule_id)
            identity, title = found.brief.id, found.brief.title
            if shadow:
                self._refuse_counted(found)
            known = self._switched.get(identity)
            enabled = known is None or known.enabled
            switch = Switch(identity, enabled, reason, caller, self._clock(), shadow)
            report = rule_reports.shadowed(
                switch.changed, identity, title, shadow=shadow, caller=caller, reason=reason
            )  # fmt: skip
            await self._put(switch, report)
            log.info("rule_shadow_on" if shadow else "rule_shadow_off", rule=identity, title=title, by=caller)
            await self._apply(self._rules, aside=set(self._watch.engine.set_aside))
        return await asyncio.to_thread(self.get, identity)

    def _refuse_counted(self, found: Compiled) -> None:
        """Raise ApiProblem 409 for a rule that only others count: to switch it off would change nothing."""
        if any(rule.brief.id == found.brief.id for rule in self._rules.rules):
            return
        raising = {rule.brief.id for rule in self._rules.rules}
        users: dict[str, None] = {}
        waiting = [found]
        while waiting:
            names = set(waiting.pop().names)
            for each in self._documents():
                if each.correlation is not None and names.intersection(each.correlation.rules):
                    if each.brief.id in raising:
                        users[each.name or each.brief.title] = None
                    else:
                        waiting.append(each)
        raise ApiProblem(
            409,
            "rule-counted",
            f"{found.brief.title!r} raises no alerts of its own; switch what counts it: {', '.join(users)}",
        )

    async def _put(self, switch: Switch, report: Mapping[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._switches.put, switch, report)
        except sqlite3.Error as error:
            detail = f"the switch cannot be written: {error}; free space or repair the disk, then try again"
            raise ApiProblem(503, "rules-unavailable", detail, headers={"Retry-After": "5"}) from error
        self._untold = True
        self._switched[switch.rule_id] = switch

    async def reload(self, caller: str | None = None) -> Document:
        """Read the rules again; return what changed, or what is wrong with them: then nothing has changed."""
        async with self._lock:
            try:
                rules = await asyncio.to_thread(self._load)
            except ConfigError as error:
                return await self._refuse([str(problem) for problem in error.problems], caller)
            except Exception as error:
                log.exception("rules_unreadable")
                return await self._refuse([f"the rules cannot be read: {error!r}; report this"], caller)
            self.mistakes = []
            before = {rule.brief.id for rule in self._rules.rules}
            changed = await self._apply(rules)
            after = {rule.brief.id for rule in rules.rules}
            counts = {
                "rules": len(rules.rules),
                "added": len(after - before),
                "removed": len(before - after),
                "changed": max(0, changed - len(after - before)),
            }
            self.reloads["taken"] += 1
            log.info("rules_reloaded", **counts)
            await self._note(rule_reports.reloaded(self._clock(), counts, caller))
            return {"reloaded": True, **counts, "problems": []}

    async def run(self, stop: Stop, tell: Tell) -> None:
        """Until the stop: read the rules again on SIGHUP, say which were set aside, store the events of it all."""
        while not await stop.wait(_LOOK_S):
            if stop.hangup.is_set():
                stop.hangup.clear()
                notify_reloading()
                await self.reload()
                notify_ready()
            for rule_id, why in self._watch.take_set_aside().items():
                self.set_aside += 1
                title = self._title(rule_id)
                log.warning("rule_set_aside", rule=rule_id, title=title, why=why, next_step="mend it, or enable it")
                await self._note(rule_reports.set_aside(self._clock(), rule_id, title, why))
            if self._untold:
                await self._tell_waiting(tell)

    async def _refuse(self, problems: list[str], caller: str | None) -> Document:
        self.mistakes = problems
        self.reloads["refused"] += 1
        for problem in problems[:_LOGGED_MAX]:
            log.error("rules_refused", problem=problem, mistakes=len(problems), next_step="mend it and reload")
        await self._note(rule_reports.refused(self._clock(), problems, caller))
        return {"reloaded": False, "rules": len(self._rules.rules), "added": 0, "removed": 0, "changed": 0,
                "problems": problems}  # fmt: skip

    async def _apply(self, rules: RuleSet, aside: Sequence[str] | set[str] = ()) -> int:
        active = in_force(rules, self._switched)
        changed = await self._watch.change_rules(active, aside=aside)
        self._rules = rules
        self._changed(rules)
        return changed

    async def _note(self, report: Mapping[str, Any]) -> None:
        """Keep an event to be stored; what it tells of has happened whether or not that can be done."""
        try:
            await asyncio.to_thread(self._switches.tell, report)
        except sqlite3.Error as error:
            self._telling.failed(str(error), next_step="free space for state.db")
        self._untold = True

    async def _tell_waiting(self, tell: Tell) -> None:
        self._untold = False  # what is noted from here on is told now or the next time
        try:
            while waiting := await asyncio.to_thread(self._switches.waiting):
                for report in waiting:
                    failure = await tell([report.event], report.key)
                    if failure is not None:
                        self._untold = True
                        self._telling.failed(failure, next_step="it is stored once the store can write")
                        return
                await asyncio.to_thread(self._switches.stored, waiting)
        except sqlite3.Error as error:
            self._untold = True
            self._telling.failed(str(error))
        else:
            self._telling.succeeded()

    def _view(self, *, alerts: bool) -> RuleView:
        engine = self._watch.engine
        counters, costs = engine.counters, engine.costs()
        opened = self._alerts_since(self._clock() - _DAY_US) if alerts else {}
        ids = {rule.brief.id for rule in self._rules.rules}
        return RuleView(ids, self._switched, engine.set_aside, counters, costs, engine.events, opened)

    def _documents(self) -> list[Compiled]:
        return [document for document in self._rules.documents if document.kind != "filter" and not document.broken]

    def _found(self, name: str) -> Compiled:
        for document in self._documents():
            if name in document.names:
                return document
        raise ApiProblem(404, "not-found", f"there is no rule {name[:80]!r}")

    def _title(self, rule_id: str) -> str:
        return next((rule.brief.title for rule in self._rules.rules if rule.brief.id == rule_id), rule_id)


def in_force(rules: RuleSet, switches: Mapping[str, Switch]) -> RuleSet:
    """Return the rules that are not switched off, each on trial or not as it was switched."""
    shadow = {rule_id: switch.shadow for rule_id, switch in switches.items() if switch.shadow is not None}
    disabled = {switch.rule_id for switch in switches.values() if not switch.enabled}
    return rules.without(disabled).with_shadow(shadow)
