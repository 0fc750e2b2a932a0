"""What planning remembers comes back from disk as it was."""

from dataclasses import replace
from pathlib import Path

from collector.locked import LockedConnection
from collector.notify.ledger import Ledger, NewNotification
from collector.state import open_state
from tests.collector.notify.world import World, hook, pager, rule, settings

TEXT = """
group_by: [level, actor.id]
group_wait: 5s
digest_wait: 1h
routes:
  - {name: day, hours: ['08:00-18:00'], channels: [ops], continues: true}
  - {name: all, channels: [ops, pager], group_by: [alert]}
"""


def test_a_plan_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    connection = LockedConnection(open_state(tmp_path / "state.db"))
    ledger = Ledger(connection)
    world = World(settings(TEXT, hook("ops", max_per="2 in 10m"), pager()))

    def step() -> None:
        tells = world.plan()
        rows = [NewNotification(one.id, one.channel, one.subject, one.reason, one.standing, one.level, "{}", one.time)
                for one in tells]  # fmt: skip
        assert ledger.write(world.state, world.last, rows) == len(rows)
        read = ledger.read(world.router.channels)
        assert replace(read, in_force=world.state.in_force) == world.state
        assert ledger.write(world.state, world.last, rows) == 0  # once more is the same as once

    for number in range(6):
        world.open(f"a{number}", rule("scan"), group=(("actor.id", "ålice"), ("details.n", 5), ("source.ip", None)))
        step()
        world.now += 7
    world.acknowledge("a1")
    world.resolve("a2")
    world.mute("a3")
    step()
    assert world.state.flows["ops"].held
    assert ledger.firing("pager", 10) == ["a0", "a1", "a3", "a4", "a5"]
    for number in range(6):
        if number != 2:
            world.resolve(f"a{number}")
        world.now += 3600
        step()
    assert not world.state.watched
    connection.close()
