"""``make docs``: rewrites the parts of the documentation that are made from the code."""

import tempfile
from pathlib import Path

from tests.docs.generated import needs_collector, regenerated
from tests.docs.pages import page_name, page_paths
from tests.docs.traffic import agent_exposition_of, exposition_of, used_stand


def main() -> None:
    """Rewrite what differs and name it."""
    metrics = _metrics() if any(needs_collector(page.read_text(encoding="utf-8")) for page in page_paths()) else ""
    for page in page_paths():
        text = regenerated(page, lambda: metrics)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            print(f"rewritten: {page_name(page)}")


def _metrics() -> str:
    with tempfile.TemporaryDirectory() as folder:
        stand = used_stand(Path(folder) / "stand")
        try:
            return exposition_of(stand) + agent_exposition_of(stand)
        finally:
            stand.close()


main()
