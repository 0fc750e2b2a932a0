"""Exports: events as the API shows them become rows of a file.

- ``rendered``: an event of an answer, decoded no further than a row needs; ``columns``: what of it stands in which
  column; ``pages``: a page of events as CSV, JSON or NDJSON.
- ``table``: the columns of a file; ``parquet_file`` and ``sqlite_file`` write one, fed page by page.

Invariants: NDJSON and JSON are the very objects of the API; a cell of a CSV never begins like a formula; memory depends
on the page and not on the export.
"""

from collector.export.columns import SEED_COLUMNS, Column, ColumnError, columns_of
from collector.export.pages import encode_page
from collector.export.parquet_file import ParquetFile
from collector.export.sqlite_file import SqliteFile

__all__ = ["SEED_COLUMNS", "Column", "ColumnError", "ParquetFile", "SqliteFile", "columns_of", "encode_page"]
