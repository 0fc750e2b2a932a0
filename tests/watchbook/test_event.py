"""Event ids, and the flat and nested forms of an event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbook.event import ACTOR_TYPES, FIELD_NAMES, FIELDS, event_id, flatten, nest, parse_event_id

STREAM = "0123456789abcdef0123456789abcdef"


@given(st.integers(1, 10**18 - 1), st.integers(0, 10**9 - 1))
def test_an_event_id_names_stream_sequence_and_index(sequence: int, index: int) -> None:
    assert parse_event_id(event_id(STREAM, sequence, index)) == (STREAM, sequence, index)


@pytest.mark.parametrize(
    "text",
    [
        "",
        STREAM,
        f"{STREAM}-1",
        f"{STREAM}--1",
        f"{STREAM}-1-",
        f"{STREAM}-1-2-3",
        f"{STREAM}-a-2",
        f"{STREAM}-1--2",
        f"{STREAM[:-1]}-1-2",
        f"{STREAM}-²-1",
        f"{STREAM}-٣-1",
        f"{STREAM}-{'9' * 19}-1",
        f"{STREAM}-1-{'9' * 10}",
    ],
)
def test_what_is_no_event_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no event id"):
        parse_event_id(text)


def test_every_field_is_named_once_and_described() -> None:
    assert len(set(FIELD_NAMES)) == len(FIELDS)
    assert all(field.doc.endswith((".", "…")) for field in FIELDS)


def test_actors_are_users_api_keys_services_and_two_kinds_of_nobody() -> None:
    assert {"user", "api_key", "service", "anonymous", "system"} == ACTOR_TYPES


def test_the_nested_form_groups_by_the_first_word_and_writes_times() -> None:
    flat = {
        "time": 0,
        "received": 1_000_000,
        "actor.type": "user",
        "actor.id": "alice",
        "action": "read",
        "org": None,
        "details": {"a.b": 1},
    }
    assert nest(flat) == {
        "time": "1970-01-01T00:00:00.000000Z",
        "received": "1970-01-01T00:00:01.000000Z",
        "actor": {"type": "user", "id": "alice"},
        "action": "read",
        "details": {"a.b": 1},
    }


def test_the_flat_form_leaves_out_what_is_null_and_does_not_open_details() -> None:
    nested = {"actor": {"type": "user", "id": None}, "details": {"actor": {"id": 1}}, "reason": None, "time": "x"}
    assert flatten(nested) == {"actor.type": "user", "details": {"actor": {"id": 1}}, "time": "x"}
