"""SQL over an archive lets every event through that matches, and not many others."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.archive import ArchiveReader, ArchiveSettings, write_archive
from collector.query.duck import condition_of
from collector.query.language import parse_query
from collector.query.match import compile_plan
from collector.query.plan import Plan
from tests.collector.archive.blocks import DAY, sealed_blocks
from tests.collector.query.strategies import EVENTS, PLANS
from watchbook.clock import TIME_MAX_US, TIME_MIN_US

ALL_TIME = (TIME_MIN_US, TIME_MAX_US + 1)


class Archived:
    """Events in an archive, and which of them a plan lets through."""

    def __init__(self, folder: Path, events: list[dict[str, Any]]) -> None:
        self.path = folder / f"{DAY}.parquet"
        self.reader = ArchiveReader(folder, ArchiveSettings())
        self.blocks = list(sealed_blocks(events))
        write_archive(self.blocks, self.path, ArchiveSettings())

    def let_through(self, plan: Plan) -> set[int]:
        found = self.reader.scan(self.path, condition_of(plan), *ALL_TIME, fields=())
        return {block.identity(index).number for block in found for index in range(block.batch.n)}

    def matching(self, plan: Plan) -> set[int]:
        select = compile_plan(plan)
        return {block.identity(i).number for block in self.blocks for i in select(block, range(block.batch.n))}


@settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(EVENTS, min_size=20, max_size=40), st.lists(PLANS, min_size=12, max_size=12))
def test_every_event_that_matches_is_let_through(
    tmp_path: Path, events: list[dict[str, Any]], plans: list[Plan]
) -> None:
    archived = Archived(tmp_path, events)
    for plan in plans:
        assert archived.matching(plan) <= archived.let_through(plan), (plan, condition_of(plan))
    archived.reader.close()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Archived:
    about = {"actor.type": "user", "action": "read"}
    events = [
        {
            "time": i, **about, "actor.id": f"user{i}", "message": f"word{i} and more", "source.ip": f"10.{i}.0.1",
            "duration_ms": i, "details": {f"k{i}": "v", "n": f"value{i}"}, "changes": [{"field": f"f{i}"}],
            "measures": {f"m{i}": 1}, "flags": [f"g{i}"],
        }
        for i in range(50)
    ]  # fmt: skip
    return Archived(tmp_path_factory.mktemp("archive"), events)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("actor.id:USER7", 1), ("actor.id:user1*", 11), ("-actor.id:user1*", 39), ('"word7"', 1), ("ip:10.7.0.0/16", 1),
        ("ip:10.7", 1), ("duration_ms:>47", 3), ("details.k7:v", 1), ("details.n:value7", 1), ("changed:f7", 1),
        ("measures.m7:>0", 1), ("flags:g7", 1), ("actor.id:user7 OR changed:f9", 2), ("has:actor.email", 0),
        ("-(has:actor.id duration_ms:>0)", 50), ("actor.id:*7", 5),
    ],
)  # fmt: skip
def test_a_question_lets_few_others_through(mixed: Archived, text: str, most: int) -> None:
    plan = parse_query(text)
    assert mixed.matching(plan) <= mixed.let_through(plan)
    assert len(mixed.let_through(plan)) <= most


def test_no_text_of_a_question_is_part_of_the_sql() -> None:
    hostile = "'; DROP TABLE x; --"
    condition = condition_of(parse_query(f'actor:"{hostile}" details.k:"{hostile}" OR "{hostile}"'))
    assert "DROP" not in condition.sql
    assert hostile.casefold() in condition.values.values()
