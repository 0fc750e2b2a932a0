"""Tables: every head that a word prints has a width, or the word would fail on a terminal and in no pipe."""

import importlib
import pkgutil

import pytest

import watchbook.operator
from watchbook.operator.cells import Row
from watchbook.operator.printing import TablePrinter

HEADS = [
    pytest.param(heads, id=f"{module.name} {name}")
    for module in pkgutil.iter_modules(watchbook.operator.__path__)
    for name, heads in vars(importlib.import_module(f"watchbook.operator.{module.name}")).items()
    if name.endswith("_HEADS") and isinstance(heads, tuple)
]


@pytest.mark.parametrize("heads", HEADS)
def test_every_table_of_a_word_can_be_printed(heads: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    TablePrinter(heads, lambda _item, _utc: Row(heads, None), utc=True).show([b""])
    printed = capsys.readouterr().out
    assert all(head[:1] in printed for head in heads)
    assert len(printed.splitlines()) >= 2


def test_the_tables_were_found() -> None:
    assert len(HEADS) >= 10
