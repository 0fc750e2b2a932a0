"""Bodies of hooks to lines: nothing changed, nothing invented, all or nothing."""

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.listen.hook_bodies import FORM, lines_of, with_headers
from agent.listen.hook_refusal import RefusedError

JSON = "application/json"
NDJSON = "application/x-ndjson"
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


def refusal(content_type: str, body: bytes, events_max: int = 100) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        lines_of(content_type, body, events_max)
    return caught.value


@given(OBJECTS, st.sampled_from([None, 2]))
def test_an_object_is_one_line_that_says_the_same(event: dict[str, Any], indent: int | None) -> None:
    (line,) = lines_of(JSON, json.dumps(event, indent=indent).encode(), 10)
    assert json.loads(line) == event
    assert b"\n" not in line


@given(st.lists(OBJECTS, max_size=5))
def test_an_array_or_ndjson_is_a_line_for_each(events: list[dict[str, Any]]) -> None:
    for content_type, body in (
        (JSON, json.dumps(events, indent=1)),
        ("application/cloudevents-batch+json", json.dumps(events)),
        (NDJSON, "".join(json.dumps(event) + "\r\n" for event in events)),
    ):
        assert [json.loads(line) for line in lines_of(content_type, body.encode(), 10)] == events


def test_numbers_keep_every_digit() -> None:
    body = b'[{"n":12345678901234567890123,"x":1.10},{"n":1e400}]'
    assert lines_of(JSON, body, 10) == [b'{"n":12345678901234567890123,"x":1.10}', b'{"n":1e400}']


def test_a_form_is_an_object_and_githubs_form_is_what_its_payload_says() -> None:
    assert lines_of(FORM, b"a=1&b=x+y&a=2&c=", 10) == [b'{"a":["1","2"],"b":"x y","c":""}']
    payload = {"action": "opened", "title": "ü&="}
    (line,) = lines_of(FORM, urlencode({"payload": json.dumps(payload)}).encode(), 10)
    assert json.loads(line) == payload
    assert lines_of(FORM, b"payload=none&x=1", 10) == [b'{"payload":"none","x":"1"}']


@pytest.mark.parametrize(
    "body", [b"", b"null", b"3", b'"text"', b"{", b"[1]", b'[{},"x"]', b"{} {}", b"[" * 5000, b'{"a":' * 5000]
)
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    assert (refusal(JSON, body).status, refusal(JSON, body).kind) == (400, "malformed")


def test_the_line_of_a_mistake_is_named() -> None:
    assert "line 3" in refusal(NDJSON, b'{}\n\n{"a":}\n').detail
    assert "nothing was stored" in refusal(NDJSON, b"{}\n[]\n").detail


def test_other_media_types_and_too_many_events_are_refused() -> None:
    assert refusal("text/plain", b"{}").status == 415
    assert refusal(JSON, b"[{},{},{}]", 2).status == 413
    assert refusal(FORM, b"a=1&b=2&c=3", 2).status == 400


@given(OBJECTS)
def test_kept_headers_are_added_and_replace_nothing(event: dict[str, Any]) -> None:
    kept = {"X-GitHub-Event": "push"}
    for given_event in (event, {**event, "headers": {"own": 1}}):
        line = with_headers(msgspec.json.encode(given_event), kept)
        found = json.loads(line)
        name = "request_headers" if "headers" in given_event else "headers"
        assert found.pop(name) == kept
        assert found == json.loads(json.dumps(given_event))
