"""Exports made of the pages of a search."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.problem import ApiProblem
from collector.questions import LIMIT_MAX, PAGE_BYTES, make_questions, next_limit
from tests.collector.web.memory_answers import MemoryAnswers, an_event

ASKED: Mapping[str, Any] = {"filters": {}, "q": None, "exclude": [], "from": None, "to": None}


@pytest.fixture
def answers() -> MemoryAnswers:
    answers = MemoryAnswers()
    answers.append(*(an_event(action=f"a{number}") for number in range(25)))
    return answers


def test_pages_put_together_are_the_file(answers: MemoryAnswers) -> None:
    export = make_questions(answers)["export_page"]
    cursor: str | None = None
    lines: list[bytes] = []
    while True:
        asked = {**ASKED, "format": "ndjson", "columns": None, "cursor": cursor, "limit": 10}
        head, _, payload = export(asked).partition(b"\n")
        found = msgspec.json.decode(head)
        lines += payload.splitlines()
        assert found["incomplete"] is None
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert [msgspec.json.decode(line)["action"] for line in lines] == [f"a{number}" for number in range(24, -1, -1)]


@pytest.mark.parametrize("kind", ["parquet", "sqlite"])
def test_a_file_holds_every_page(answers: MemoryAnswers, tmp_path: Path, kind: str) -> None:
    asked = {**ASKED, "format": kind, "path": str(tmp_path / "file")}
    head = msgspec.json.decode(make_questions(answers)["export_file"](asked))
    assert (head["events"], head["incomplete"]) == (25, None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_search_that_does_not_move_on_is_an_error_and_no_endless_loop(tmp_path: Path) -> None:
    class Stuck:
        def answer(self, question: str, parameters: Mapping[str, object]) -> bytes:
            return msgspec.json.encode({"events": [], "next_cursor": "same"})

    asked = {**ASKED, "format": "sqlite", "path": str(tmp_path / "file")}
    with pytest.raises(RuntimeError, match="to the same place"):
        make_questions(Stuck())["export_file"](asked)


def test_a_column_that_there_is_not_is_a_problem_that_names_the_parameter(answers: MemoryAnswers) -> None:
    asked = {**ASKED, "format": "csv", "columns": ["usr"], "cursor": None, "limit": 10}
    with pytest.raises(ApiProblem) as caught:
        make_questions(answers)["export_page"](asked)
    assert (caught.value.status, caught.value.errors[0]["parameter"]) == (400, "columns")


@given(st.lists(st.integers(1, 100_000), max_size=50), st.integers(1, LIMIT_MAX))
def test_the_next_page_grows_slowly_and_keeps_to_its_size(sizes: list[int], limit: int) -> None:
    following = next_limit([msgspec.Raw(b"x" * size) for size in sizes], limit)
    assert 1 <= following <= min(LIMIT_MAX, 4 * limit)
    if sizes and following > 1:
        assert following * sum(sizes) / len(sizes) <= PAGE_BYTES
