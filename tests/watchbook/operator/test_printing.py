"""Every table that a word prints has columns that the printer knows the width of."""

import importlib
import pkgutil

import watchbook.operator
from watchbook.operator.printing import _SHARES


def test_the_printer_knows_every_column_of_every_table() -> None:
    names = [each.name for each in pkgutil.iter_modules(watchbook.operator.__path__)]
    modules = [vars(importlib.import_module(f"watchbook.operator.{name}")) for name in names]
    tables = [value for module in modules if "TablePrinter" in module for name, value in module.items()
              if name.endswith("HEADS")]  # fmt: skip
    assert len(tables) > 10
    assert {head for heads in tables for head in heads} - _SHARES.keys() == set()
