"""The webhook receiver, against the reference implementation of the signature."""

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from watchbook.clock import SECOND_US
from watchbook.demo.receiver import Receiver

NOW_US = 1_795_269_909 * SECOND_US
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of thirty-two byt").decode()
BODY = '{"type":"alert.opened","data":{"n":1}}'


class Arrived(list[Mapping[str, Any]]):
    """What the receiver handed on, and the receiver itself."""

    receiver: Receiver

    async def post(self, headers: Mapping[str, str], body: str = BODY) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.receiver.url, data=body.encode(), headers=headers) as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def arrived() -> AsyncIterator[Arrived]:
    messages = Arrived()
    async with Receiver(SECRET, messages.append, clock=lambda: NOW_US) as receiver:
        messages.receiver = receiver
        yield messages


def signed(message_id: str = "msg_1", *, secret: str = SECRET, body: str = BODY, age_s: int = 0) -> dict[str, str]:
    time_s = NOW_US // SECOND_US - age_s
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(time_s, UTC), body)
    return {"webhook-id": message_id, "webhook-timestamp": str(time_s), "webhook-signature": signature}


async def test_a_signed_alert_is_taken(arrived: Arrived) -> None:
    assert await arrived.post(signed()) == (204, "")
    assert arrived == [{"type": "alert.opened", "data": {"n": 1}}]


async def test_an_alert_that_is_sent_again_is_taken_once(arrived: Arrived) -> None:
    assert [(await arrived.post(signed(name)))[0] for name in ("msg_1", "msg_1", "msg_2")] == [204, 204, 204]
    assert len(arrived) == 2


async def test_one_good_signature_among_several_is_enough(arrived: Arrived) -> None:
    old = signed(secret=OTHER_SECRET)["webhook-signature"]
    headers = signed()
    headers["webhook-signature"] = f"{old} {headers['webhook-signature']}"
    assert (await arrived.post(headers))[0] == 204


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        (signed(secret=OTHER_SECRET), BODY, "does not fit"),
        (signed(body="{}"), BODY, "does not fit"),
        (signed() | {"webhook-id": "msg_2"}, BODY, "does not fit"),
        (signed(age_s=301), BODY, "301 s away"),
        (signed(age_s=-301), BODY, "301 s away"),
        (signed() | {"webhook-timestamp": "soon"}, BODY, "malformed"),
        ({}, BODY, "missing"),
        (signed(body="no json"), "no json", "Expecting value"),
    ],
)
async def test_what_is_not_signed_with_the_secret_just_now_is_refused(
    arrived: Arrived, headers: dict[str, str], body: str, why: str
) -> None:
    status, text = await arrived.post(headers, body)
    assert status == 401
    assert why in text
    assert arrived == []
    assert arrived.receiver.refused == 1
