"""The collector without its sequence guard: proves that the fault tests can fail."""

import sys

from collector.store import segment, writer
from collector.store.guard import Verdict
from watchbook.cli import main


def _new(last: int, sequence: int, elsewhere_from: int | None = None) -> Verdict:
    return Verdict.NEW


writer.judge = _new  # type: ignore[attr-defined]
segment._SCHEMA = segment._SCHEMA.replace("CREATE UNIQUE INDEX", "CREATE INDEX")  # type: ignore[misc]

if __name__ == "__main__":
    main(["collector", *sys.argv[1:]])
