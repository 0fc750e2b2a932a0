"""Trials of rules as people ask for them over HTTP: explanations with what the rules remember now, and back-tests.

An explanation of a rule in force is made here, for only this process knows what its windows hold.  Everything that
takes longer (a back-test, a rule that is not loaded) is a question for a process of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from collector.backtest import chosen
from collector.block import DecodedBlock, Identity
from collector.detect import (
    Engine,
    RuleSet,
    Surroundings,
    block_of,
    explain_match,
    link,
    remembered_of,
)
from collector.problem import ApiProblem
from collector.rule_keeper import RuleKeeper
from collector.trials import closure, encode_documents
from collector.watch import Watch
from watchbook.event import parse_event_id

Document = dict[str, Any]
#: Returns the block that holds an event and its place there; None when it is not here.  Blocks.
FindEvent = Callable[[str, int, int], tuple[DecodedBlock, int] | None]
Ask = Callable[[str, Mapping[str, object]], Awaitable[bytes]]
_NOTHING: Final = b"null"


class RuleDesk:
    """Answers what people ask about rules and events; ``ask`` puts a question to a query worker."""

    def __init__(self, keeper: RuleKeeper, watch: Watch, find_event: FindEvent, ask: Ask) -> None:
        self._keeper = keeper
        self._watch = watch
        self._find_event = find_event
        self._ask = ask

    async def explain(self, rule_id: str, event_id: str) -> Document:
        """Return why a rule, named by its id or its name, matches an event or not, and what it remembers of its group.

        Raises ApiProblem 404 and 400.
        """
        rules = self._one(rule_id)
        block = await self._block(event_id)
        return await self._watch.look(lambda engine: _explained(rules, block, engine, self._keeper.state_of))

    async def explain_text(self, name: str, text: str, event_id: str) -> Document:
        """Return what the rules of a text make of an event; raises ApiProblem 404, 400 and 422."""
        block = await self._block(event_id)
        parameters = {
            "name": name,
            "text": text,
            "event": msgspec.to_builtins(block.batch.event(0)),
            "identity": list(block.identity(0)),
        }
        return msgspec.json.decode(await self._ask("explain_text", parameters), type=Document)

    def question(self, rule_id: str) -> Document:
        """Return the parameters that say which rule a back-test is about; raises ApiProblem 404."""
        document, documents = self._keeper.compiled(rule_id)
        return {"documents": encode_documents(closure(documents, document)), "ids": [document.brief.id]}

    def _one(self, rule_id: str) -> RuleSet:
        """Return a rule as it is in force; one that only a correlation counts is a rule by itself."""
        document, documents = self._keeper.compiled(rule_id)
        rules = chosen(self._keeper.rules, [document.brief.id])
        if not rules.rules:  # a detection: what only correlations need of their surroundings does not matter
            rules = chosen(link(closure(documents, document), [], Surroundings()), [document.brief.id])
        if not rules.rules:
            raise ApiProblem(404, "not-found", f"the rule {rule_id[:80]!r} has no id: give it one")
        return rules

    async def _block(self, event_id: str) -> DecodedBlock:
        """Return one event as a block of its own."""
        try:
            identity = parse_event_id(event_id)
        except ValueError as error:
            entry: Any = {"parameter": "event", "message": str(error)}
            raise ApiProblem(400, "parameters", f"'event': {error}", errors=[entry]) from error
        found = await asyncio.to_thread(self._find_event, *identity)
        if found is not None:
            block, place = found
            return block_of(block.batch.event(place), block.identity(place))
        answer = await self._ask("archived_event", {"identity": list(identity)})
        if answer == _NOTHING:
            raise ApiProblem(404, "not-found", f"there is no event {event_id[:80]}; retention may have removed it")
        event, named = msgspec.json.decode(answer, type=tuple[dict[str, Any], list[Any]])
        return block_of(event, Identity(*named))


def _explained(rules: RuleSet, block: DecodedBlock, engine: Engine, state_of: Callable[[str], str]) -> Document:
    """Return the explanation; in the thread of the engine, which stands still meanwhile."""
    (rule,) = rules.rules
    state = engine.state(rule.brief.id)
    remembered = None if state is None else remembered_of(state)
    found = explain_match(rule, rules.documents, block, engine.exceptions, remembered)
    return {**found, "state": state_of(rule.brief.id)}
