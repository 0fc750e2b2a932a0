"""Catalogue files: what is wrong in one is named with line and column, all of it at once."""

from pathlib import Path

import pytest

from watchbook.catalogue import load_catalogue, load_catalogues
from watchbook.configfile import ConfigError

RIGHT = """\
catalogue: shop
lists:
  - kind: event_type
    groups:
      - name: Orders
        category: data
        entries:
          - {name: Order placed, action: create, outcome: success, aliases: [Order plased]}
          - ORDER_*
"""


def written(folder: Path, text: str, name: str = "shop.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_catalogue(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_an_entry_takes_from_its_group_what_it_does_not_say(tmp_path: Path) -> None:
    placed, any_order = load_catalogue(written(tmp_path, RIGHT)).entries
    assert (placed.action, placed.category, placed.outcome, placed.aliases) == (
        "create", "data", "success", ("Order plased",),
    )  # fmt: skip
    assert (any_order.action, any_order.category, any_order.is_wildcard) == (None, "data", True)


CATEGORIES = "access, admin, authentication, billing, configuration, data, export, lifecycle, meta, permission, system"
OF_GROUP = "name, description, aliases, applies_to, entries, action, category, outcome, reason, hidden"
#: What stands in the right file, what stands there instead, and the mistake.
WRONG = {
    ("catalogue: shop", "catalog: shop"): "1:1: 'catalog': there is no such option; did you mean 'catalogue'?",
    ("kind: event_type", "kind: event_typ"): "3:11: 'lists[0].kind': expected one of event_type, resource_type, "
    "action, outcome, object, found 'event_typ'; did you mean 'event_type'?",
    ("category: data", "category: dada"): f"6:19: 'lists[0].groups[0].category': expected one of {CATEGORIES}, "
    "found 'dada'; did you mean 'data'?",
    ("action: create", "action: Create it"): "8:42: 'lists[0].groups[0].entries[0].action': expected a verb of small "
    "letters such as 'create', found 'Create it'",
    ("ORDER_*", "ORDER_*_X"): "9:13: 'lists[0].groups[0].entries[1]': expected a name with words in it and a '*' at "
    "its end at most, found 'ORDER_*_X'",
    ("ORDER_*", "order-plased"): "9:13: 'lists[0].groups[0].entries[1]': 'order-plased' is in this group already, on "
    "line 8",
    ("- name: Orders", "- headline: Orders"): f"5:9: 'lists[0].groups[0].headline': there is no such option; known "
    f"here: {OF_GROUP}",
    ("outcome: success", "hidden: maybe"): "8:58: 'lists[0].groups[0].entries[0].hidden': expected one of true, "
    "false, found 'maybe'",
}


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_mistake_names_its_place_and_what_was_expected(tmp_path: Path, old: str, new: str) -> None:
    assert old in RIGHT
    assert WRONG[old, new] in mistakes(written(tmp_path, RIGHT.replace(old, new, 1)))


def test_all_mistakes_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    written(tmp_path, RIGHT.replace("data", "dada").replace("event_type", "event"), "a.yaml")
    written(tmp_path, "lists: []", "b.yaml")
    with pytest.raises(ConfigError) as caught:
        load_catalogues([tmp_path, tmp_path / "missing"])
    assert [Path(problem.path).name for problem in caught.value.problems] == ["a.yaml", "b.yaml", "missing"]


def test_a_catalogue_of_your_own_stands_in_place_of_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    for folder, title in ((shipped, "theirs"), (own, "mine")):
        folder.mkdir()
        written(folder, f"{RIGHT}title: {title}\n")
    (found,) = load_catalogues([shipped, own])
    assert found.title == "mine"


def test_two_of_one_name_in_one_folder_are_a_mistake(tmp_path: Path) -> None:
    written(tmp_path, RIGHT, "a.yaml")
    written(tmp_path, RIGHT, "b.yaml")
    with pytest.raises(ConfigError, match=r"b\.yaml:1:1: the catalogue 'shop' is also in .*a\.yaml; rename one"):
        load_catalogues([tmp_path])
