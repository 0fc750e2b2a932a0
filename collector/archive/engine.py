"""DuckDB, shut in: one thread, bounded memory, no network, no extensions, no files but the archive's folder.

It is imported when it is first used, here and in the other modules of the room: it takes 20 MiB of memory, and the main
process needs no more of this room than its settings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from collector.archive.settings import ArchiveSettings

if TYPE_CHECKING:
    import duckdb


@contextmanager
def engine(folder: Path, settings: ArchiveSettings, aside: Path | None = None) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Give a connection that reads and writes below ``folder`` only; it belongs to one thread at a time."""
    connection = open_engine(folder, settings, aside)
    try:
        yield connection
    finally:
        connection.close()


def open_engine(folder: Path, settings: ArchiveSettings, aside: Path | None = None) -> "duckdb.DuckDBPyConnection":
    """Return such a connection; the caller closes it.  ``aside``: where it may put what does not fit into memory."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": f"{settings.memory_limit}B",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            # Needed for a size limit of row groups; with one thread rows stay in order all the same, which is checked.
            "preserve_insertion_order": "false",
        },
    )
    try:
        connection.execute("SET temp_directory = $folder", {"folder": "" if aside is None else str(aside)})
        connection.execute("SET allowed_directories = [$folder]", {"folder": str(folder)})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection
