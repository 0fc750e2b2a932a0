"""``watchbook rules list``, ``show``, ``enable``, ``disable`` and ``reload``."""

import asyncio
import json

from tests.watchbook.operator.conftest import Desk


async def test_rules_are_listed_as_a_table_and_as_json(desk: Desk) -> None:
    listed = await desk.run("rules", "list", "--table", columns=240)
    assert listed.exit_code == 0, listed.output
    head, *rows = listed.stdout.splitlines()
    assert head.split() == ["state", "level", "title", "matched", "alerts", "24h", "us/event", "source", "name"]
    assert any(row.startswith("active") for row in rows)
    assert "rules" in listed.stderr
    found = [json.loads(line) for line in (await desk.run("rules", "list", "--state", "counted")).stdout.splitlines()]
    assert found
    assert {rule["state"] for rule in found} == {"counted"}


async def test_one_rule_is_shown_with_what_it_comes_to_and_its_file(desk: Desk) -> None:
    shown = await desk.run("rules", "show", "large_export", "--table")
    assert shown.exit_code == 0, shown.output
    text = await asyncio.to_thread((desk.rules / "large_export.yml").read_text)
    assert shown.stdout.endswith(text)
    assert "condition        " in shown.stdout
    only = await desk.run("rules", "show", "large_export", "--text")
    assert only.stdout == text
    missing = await desk.run("rules", "show", "nothing")
    assert missing.exit_code != 0
    assert "there is no rule 'nothing'" in missing.output


async def test_a_rule_is_switched_off_and_on(desk: Desk) -> None:
    off = await desk.run("rules", "disable", "large_export", "--reason", "a migration", "--table")
    assert "disabled '" in off.output
    (found,) = [
        json.loads(line) for line in (await desk.run("rules", "list", "--state", "disabled")).stdout.splitlines()
    ]
    assert (found["name"], found["reason"], found["changed_by"]) == ("large_export", "a migration", "operator")
    on = json.loads((await desk.run("rules", "enable", "large_export")).stdout.splitlines()[-1])
    assert on["state"] == "active"


async def test_a_reload_says_what_changed_or_every_mistake(desk: Desk) -> None:
    path = desk.rules / "large_export.yml"
    text = await asyncio.to_thread(path.read_text)
    await asyncio.to_thread(path.write_text, text.replace("measures.rows", "measure.rows"))
    wrong = await desk.run("rules", "reload")
    assert wrong.exit_code != 0
    assert "the rules are wrong, the ones before stay in force:" in wrong.output
    assert "did you mean 'measures.rows'?" in wrong.output
    listed = await desk.run("rules", "list", "--table")
    assert "the rules on disk are wrong" in listed.stderr
    await asyncio.to_thread(path.write_text, text.replace("100000", "200000"))
    done = await desk.run("rules", "reload", "--table")
    assert done.exit_code == 0, done.output
    assert "0 added, 1 changed, 0 removed" in done.output


async def test_a_rule_is_put_into_shadow_mode_and_taken_out(desk: Desk) -> None:
    on = await desk.run("rules", "shadow", "large_export", "on", "--reason", "a week on trial", "--table")
    assert "is in shadow mode" in on.output
    found = json.loads((await desk.run("rules", "show", "large_export", "--json")).stdout)
    assert (found["shadow"], found["state"], found["reason"]) == (True, "active", "a week on trial")
    listed = await desk.run("rules", "list", "--table", columns=240)
    assert any(row.startswith("active, shadow") for row in listed.stdout.splitlines())
    # Switching it off and on leaves that as it is.
    await desk.run("rules", "disable", "large_export")
    assert json.loads((await desk.run("rules", "enable", "large_export")).stdout.splitlines()[-1])["shadow"] is True
    off = await desk.run("rules", "shadow", "large_export", "off", "--table")
    assert "is out of shadow mode" in off.output
    assert (await desk.run("rules", "shadow", "nothing", "on")).exit_code != 0


async def test_a_rule_is_in_shadow_mode_as_its_file_says_until_it_is_switched(desk: Desk) -> None:
    path = desk.rules / "large_export.yml"
    text = await asyncio.to_thread(path.read_text)
    await asyncio.to_thread(path.write_text, text.replace("watchbook:\n", "watchbook:\n  shadow: true\n"))
    await desk.run("rules", "reload")
    assert json.loads((await desk.run("rules", "show", "large_export", "--json")).stdout)["shadow"] is True
    off = json.loads((await desk.run("rules", "shadow", "large_export", "off")).stdout.splitlines()[-1])
    assert off["shadow"] is False
    await asyncio.to_thread(path.write_text, text.replace("watchbook:\n", "watchbook:\n  shadow: perhaps\n"))
    wrong = await desk.run("rules", "reload")
    assert "expected true or false, found 'perhaps'" in wrong.output
