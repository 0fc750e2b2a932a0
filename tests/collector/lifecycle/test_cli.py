"""The operator's words for holds and purges."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from collector.lifecycle import HoldSettings, LifecycleSettings, RetentionState
from collector.lifecycle.cli import retention_commands
from watchbook.wire import decode_batch

NOW = 1_793_491_200_000_000


class Words:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "retention.db"
        settings = LifecycleSettings(holds=(HoldSettings("case-1", org="acme"),))
        option = click.option("--config", "path", type=click.Path(path_type=Path), default=folder)
        self.group = click.Group()
        for command in retention_commands(lambda _: (settings, self.path), option, lambda: NOW):
            self.group.add_command(command)

    def say(self, *words: str, answer: str | None = None) -> tuple[int, str]:
        result = CliRunner().invoke(self.group, words, input=answer)
        return result.exit_code, result.output

    def state(self) -> RetentionState:
        return RetentionState(self.path)


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tmp_path)


def test_a_hold_is_set_listed_and_lifted_and_each_is_an_event(words: Words) -> None:
    code, output = words.say("hold", "set", "case-2", "--org", "beta", "--category", "billing", "--reason", "court")
    assert (code, output) == (0, "The hold case-2 stands from now on: org beta, category billing is kept.\n")
    _, listed = words.say("hold", "list")
    assert [line.split()[0] for line in listed.splitlines()] == ["name", "case-1", "case-2"]
    assert "2026-11-01T00:00:00.000000Z  court" in listed
    assert words.say("hold", "lift", "case-2") == (0, "The hold case-2 is lifted.\n")
    state = words.state()
    assert state.holds() == []
    told = [decode_batch(report.data, bytes_max=1 << 20).event(0) for report in state.reports(10)]
    state.close()
    assert [each["event_type"] for each in told] == ["Legal hold set", "Legal hold lifted"]
    assert told[0]["details"] == {"org": "beta", "category": "billing"}
    assert told[0]["reason"] == "court"
    assert told[0]["actor.type"] == "user"


def test_what_is_wrong_with_a_hold_is_said_with_the_next_step(words: Words) -> None:
    words.say("hold", "set", "case-2", "--reason", "court")
    for said, expected in (
        (("hold", "set", "case-2", "--reason", "x"), "there is a hold named 'case-2'; lift it first"),
        (("hold", "set", "case-1", "--reason", "x"), "the configuration has a hold named 'case-1'"),
        (("hold", "lift", "case-1"), "take it out there and restart"),
        (("hold", "lift", "nothing"), "there is no hold named 'nothing'; see: watchbook collector hold list"),
    ):
        code, output = words.say(*said)
        assert code == 1
        assert expected in output


def test_a_purge_is_asked_for_only_after_a_yes(words: Words) -> None:
    assert words.say("purge", "--org", "acme", "--reason", "left", answer="n\n")[0] == 1
    state = words.state()
    assert state.purges() == []
    code, output = words.say("purge", "--org", "acme", "--reason", "left", answer="y\n")
    assert code == 0
    assert "Everything of acme up to 2026-11-01T00:00:00.000000Z is deleted" in output
    assert "These holds may keep some of it: case-1." in output
    (purge,) = state.purges()
    (report,) = state.reports(10)
    state.close()
    assert (purge.org, purge.requested) == ("acme", NOW)
    told = decode_batch(report.data, bytes_max=1 << 20).event(0)
    assert (told["action"], told["resource.id"], told["outcome"]) == ("purge", "acme", "pending")
    assert "org" not in told
