"""Connections for reading: they never make what they look for."""

from pathlib import Path

import pytest

from collector.store.connections import open_segment


@pytest.mark.parametrize("immutable", [True, False])
def test_a_segment_that_went_is_not_made_anew_by_looking_for_it(tmp_path: Path, immutable: bool) -> None:
    with pytest.raises(KeyError):
        open_segment(tmp_path / "2026-11-21.blk", immutable=immutable)
    assert not list(tmp_path.iterdir())
