"""A keeper of real rules over a real database, for the face's tests; the events it reads are none."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from collector.alert import AlertStore
from collector.alert.settings import AlertSettings
from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.rule_desk import RuleDesk
from collector.rule_keeper import RuleKeeper, in_force
from collector.state import COMPATIBILITY, open_state
from collector.switches import RuleSwitches
from collector.watch import Watch
from watchbook.clock import Clock, now_us
from watchbook.shipped import shipped_folder


class NoBlocks:
    """A store without events."""

    def segments(self) -> list[SegmentInfo]:
        return []

    def blocks(self, segment: SegmentInfo, row_from: int = 0, row_to: int | None = None) -> Sequence[BlockInfo]:
        raise KeyError(segment.name)

    def read(self, info: BlockInfo) -> DecodedBlock:
        raise KeyError(info.segment)

    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]:
        return []

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        return []

    def last_number(self) -> int:
        return 0


async def no_answer(question: str, parameters: Mapping[str, object]) -> bytes:
    """There are no events."""
    return b"null"


class KeptRules:
    """The keeper and what it stands on; to be closed."""

    def __init__(self, state: Path, load: Callable[[], RuleSet] | None = None, clock: Clock = now_us) -> None:
        read = load or (lambda: load_rules([shipped_folder("rules")]))
        rules = read()
        self.alerts = AlertStore(open_state(state), AlertSettings())
        self.switches = RuleSwitches(state, COMPATIBILITY)
        switched = self.switches.all()
        self.engine = Engine(in_force(rules, switched), DetectSettings())
        self.watch = Watch(self.engine, self.alerts, NoBlocks(), DetectSettings(), clock=clock, on_written=lambda: None)
        self.keeper = RuleKeeper(
            rules,
            read,
            self.watch,
            self.switches,
            switched=switched,
            alerts_since=self.alerts.opened_since,
            clock=clock,
        )

        self.desk = RuleDesk(self.keeper, self.watch, lambda *_: None, no_answer)

    async def close(self) -> None:
        await self.watch.close()
        self.alerts.close()
