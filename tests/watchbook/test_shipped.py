"""Where the shipped files lie in a checkout (in a wheel: tests/test_house.py)."""

from pathlib import Path

from watchbook.shipped import shipped_folder


def test_in_a_checkout_the_shipped_files_are_the_folders_at_the_top() -> None:
    root = Path(__file__).parent.parent.parent
    assert shipped_folder("config") == root / "config"
    assert shipped_folder("rules") == root / "rules"
