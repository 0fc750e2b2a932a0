"""A channel that fails is an alert on the others, once, and over when it works again."""

import asyncio
from pathlib import Path

from aiohttp import web

from collector.notify import FAILING_RULE
from tests.collector.alert.alerts import opened
from tests.collector.notify.receiver import receiver
from tests.collector.notify.stage import fast, hook, notifying


def refusals(number: int) -> list[web.Response]:
    return [web.Response(status=500) for _ in range(number)]


async def test_a_failing_channel_is_told_on_the_others_and_so_is_that_it_works_again(tmp_path: Path) -> None:
    async with receiver(*refusals(8)) as broken, receiver() as works:
        channels = hook("ops", url=broken.url), hook("mail", url=works.url)
        async with notifying(tmp_path, fast(*channels, failing_after=3)) as stage:
            await stage.apply(opened())
            await works.until(lambda: len(works.taken) == 3)
            await stage.until_idle(4)
    titles = [(one.body["type"], one.body["data"]["title"]) for one in works.taken]
    assert titles == [
        ("alert.opened", "Failure spike"),
        ("alert.opened", "Notification channel failing"),
        ("alert.resolved", "Notification channel failing"),
    ]
    assert works.taken[1].body["data"]["group"] == {"channel": "ops"}
    assert works.taken[2].body["data"]["resolution"] == "works_again"
    assert [one.body["data"]["title"] for one in broken.taken] == ["Failure spike"]


async def test_a_dead_letter_makes_a_channel_a_failing_one_at_once(tmp_path: Path) -> None:
    async with receiver(web.Response(status=400)) as broken, receiver() as works:
        channels = hook("ops", url=broken.url), hook("mail", url=works.url)
        async with notifying(tmp_path, fast(*channels)) as stage:
            await stage.apply(opened())
            await works.until(lambda: len(works.taken) == 2)
            state = {each["name"]: each["state"] for each in await stage.notifier.desk.channels()}
            assert state == {"ops": "failing", "mail": "ok"}
            outcome = await stage.notifier.desk.test("ops", "carol")
            assert outcome["sent"]
            await works.until(lambda: len(works.taken) == 3)
    assert works.taken[-1].body["type"] == "alert.resolved"


async def test_channels_that_all_fail_do_not_go_round_in_circles(tmp_path: Path) -> None:
    async with receiver(*refusals(60)) as first, receiver(*refusals(60)) as second:
        channels = hook("one", url=first.url), hook("two", url=second.url)
        async with notifying(tmp_path, fast(*channels, failing_after=2)) as stage:
            await stage.apply(opened())
            async with asyncio.timeout(20):
                while len(first.taken) + len(second.taken) < 6:
                    await asyncio.sleep(0.01)
            # Each: the alert, that the other one fails, and that it works again.
            await stage.until_idle(6)
            page = await asyncio.to_thread(stage.alerts.page)
    assert [alert["rule_id"] for alert in page["alerts"]].count(FAILING_RULE) == 2
    assert {alert["status"] for alert in page["alerts"] if alert["rule_id"] == FAILING_RULE} == {"resolved"}
    assert len(first.taken) == len(second.taken) == 3


async def test_the_only_channel_that_fails_tells_nobody_of_itself(tmp_path: Path) -> None:
    async with (
        receiver(*refusals(5)) as broken,
        notifying(tmp_path, fast(hook("ops", url=broken.url), failing_after=2)) as stage,
    ):
        await stage.apply(opened())
        await broken.until(lambda: len(broken.taken) == 1)
        await stage.until_idle(1)
        page = await asyncio.to_thread(stage.alerts.page)
    assert {alert["title"] for alert in page["alerts"]} == {"Failure spike", "Notification channel failing"}
    assert len(broken.taken) == 1


async def test_the_alert_outlives_a_restart_and_ends_with_the_channel(tmp_path: Path) -> None:
    async with receiver(*refusals(1000)) as broken, receiver() as works:
        channels = hook("ops", url=broken.url), hook("mail", url=works.url)
        async with notifying(tmp_path, fast(*channels, failing_after=2)) as stage:
            await stage.apply(opened())
            await works.until(lambda: len(works.taken) == 2)
        async with notifying(tmp_path, fast(channels[1])) as stage:  # the channel was taken out of the settings
            await works.until(lambda: len(works.taken) == 3)
            gone = {each["name"]: each["state"] for each in await stage.notifier.desk.channels()}
    assert works.taken[-1].body["data"]["resolution"] == "removed"
    assert gone == {"mail": "ok", "ops": "removed"}
