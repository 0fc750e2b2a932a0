"""``watchbook catalogue``: what is listed, what came unlisted, and files of one's own."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, Desk
from watchbook.cli import cli, main
from watchbook.configfile import EX_CONFIG

RIGHT = "catalogue: shop\nlists: [{kind: event_type, groups: [{name: Orders, entries: [Order placed]}]}]\n"


async def test_the_list_shows_every_catalogue_with_its_counts(desk: Desk) -> None:
    done = await desk.run("catalogue", "list", "--table")
    assert done.exit_code == 0, done.output
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "harbr event_type 11 57 Harbr activity log" in rows
    assert "harness-audit resource_type, action 35 187 Harness audit trail" in rows
    assert done.stderr.strip() == "5 catalogues"


async def test_the_entries_of_one_are_shown_and_narrowed_down(desk: Desk) -> None:
    found = await desk.lines("catalogue", "show", "harness-audit", "--type", "CLOUD_ASSET_GOVERNANCE_*")
    assert [(entry["name"], entry["category"]) for entry in found] == [("CLOUD_ASSET_GOVERNANCE_*", "data")]
    assert {entry["name"] for entry in await desk.lines("catalogue", "show", "harbr", "--hidden")} == {
        "Process instance queued",
        "Process instance dequeued",
    }
    done = await desk.run("catalogue", "show", "harbr", "--group", "Suscription", "--table")
    assert "6 entries" in done.stderr
    assert "reject" in done.stdout


async def test_what_came_unlisted_is_shown_with_how_often(desk: Desk) -> None:
    about = {"resource.type": "QUANTUM_GATE", "module": "Suscription", "details": {"group": "Suscription"}}
    desk.append([an_event(NOW, event_type=None, **about) for _ in range(3)])
    found = await desk.lines("catalogue", "seen")
    assert [(each["field"], each["value"], each["count"], each.get("meant")) for each in found] == [
        ("module", "Suscription", 3, "Subscription"),
        ("details.group", "Suscription", 3, "Subscription"),
        ("resource.type", "QUANTUM_GATE", 3, None),
    ]
    done = await desk.run("catalogue", "seen", "--table")
    assert "1 not listed, 2 listed as another spelling" in done.stderr


def test_a_file_is_checked_without_a_collector(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(RIGHT)
    done = CliRunner().invoke(cli, ["catalogue", "check", str(tmp_path / "shop.yaml")])
    assert done.exit_code == 0
    assert done.output == f"ok     {tmp_path}/shop.yaml: the catalogue 'shop': 1 of event_type in 1 groups\n"


def test_a_mistake_in_a_file_is_named_and_the_exit_code_is_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.yaml").write_text(RIGHT.replace("Order placed", "'*'"))
    with pytest.raises(SystemExit) as ended:
        main(["catalogue", "check", str(tmp_path / "shop.yaml")])
    assert ended.value.code == EX_CONFIG
    assert "shop.yaml:2:62: 'lists[0].groups[0].entries[0]': expected a name" in capsys.readouterr().err
