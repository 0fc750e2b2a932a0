"""Every row that is about the event model, what is left out and what is redacted has a test that names it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
#: Tests of the query API and the store name their rows in their docstrings.
ELSEWHERE: Final = HERE.parent / "end_to_end" / "seed_rows"
REQUIRED: Final = frozenset({*range(1, 22), *range(25, 63), 109, 121})


def marked(path: Path) -> Iterator[int]:
    """Yield the rows that decorators of a file's tests name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row":
                    yield from (ast.literal_eval(argument) for argument in decorator.args)


def told(path: Path) -> Iterator[int]:
    """Yield the rows that docstrings of a file's tests name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for words in re.findall(
                r"\brows? ([0-9]+(?:(?:, | and )[0-9]+)*)", (ast.get_docstring(node) or "").lower()
            ):
                yield from map(int, re.findall("[0-9]+", words))


def test_every_required_row_has_a_test_here() -> None:
    here = {row for path in HERE.glob("test_*.py") for row in marked(path)}
    assert sorted(REQUIRED - here) == []


def test_the_rows_of_the_query_api_and_the_store_have_theirs_elsewhere() -> None:
    elsewhere = {row for path in ELSEWHERE.glob("test_*.py") for row in told(path)}
    assert elsewhere >= {22, 24, 54, 55, 56, 61, 62, 63, 69, 70, 71, 72, 84, 95, 96, 106}
