"""Catalogues of one's own: named in collector.yaml, read at the start, refused with line and column."""

from pathlib import Path

import pytest

from collector.cli import _catalogues
from collector.config import load_settings
from watchbook.cli import main
from watchbook.configfile import EX_CONFIG

OWN = "catalogue: harbr\ntitle: Ours\nlists: [{kind: event_type, groups: [{name: Orders, entries: [Order placed]}]}]\n"


def configured(folder: Path, catalogue: str) -> Path:
    own = folder / "catalogues"
    own.mkdir()
    (own / "harbr.yaml").write_text(catalogue)
    path = folder / "collector.yaml"
    path.write_text(f"data: {folder}/data\ncatalogues: {own}\n")
    return path


def test_one_of_your_own_stands_in_the_place_of_a_shipped_one_and_the_others_stay(tmp_path: Path) -> None:
    found = _catalogues(load_settings(configured(tmp_path, OWN)))
    titles = {catalogue.name: catalogue.title for catalogue in found.all}
    assert titles["harbr"] == "Ours"
    assert len(titles) == 5
    assert [match.meant.name for match in found.find("event_type", "order_placed")] == ["Order placed"]
    assert found.find("event_type", "Asset created") == []


def test_a_mistake_in_one_keeps_the_collector_from_starting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configured(tmp_path, OWN.replace("event_type", "event_typ"))
    with pytest.raises(SystemExit) as ended:
        main(["collector", "check", "--config-only", "--config", str(path)])
    assert ended.value.code == EX_CONFIG
    assert "harbr.yaml:3:16: 'lists[0].kind': expected one of event_type," in capsys.readouterr().err
