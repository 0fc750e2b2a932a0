"""Profile files: what is wrong in them is named by file, line and column, all of a file at once."""

from pathlib import Path

import pytest

from agent.parse import FORMATS
from agent.profile import compile_profile, load_profile, load_profiles
from agent.redact import NoRedactor
from tests.agent.profile.shipped import DEFINITIONS, compiled, event, written
from watchbook.configfile import ConfigError

#: Profiles that are wrong, each with all that is said about it.
WRONG = (Path(__file__).parent / "wrong_profiles.txt").read_text(encoding="utf-8").split("-----\n")
FINE = "profile: x\nformat: json\nconstants: {action: log}\n"


def problems(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a profile file."""
    path = folder / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        compile_profile(load_profile(path), FORMATS, NoRedactor())
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize("section", WRONG, ids=range(len(WRONG)))
def test_a_mistake_names_its_place_what_was_expected_and_the_next_step(tmp_path: Path, section: str) -> None:
    text, _, expected = section.partition("==>\n")
    assert problems(tmp_path, text) == expected.splitlines()


def test_all_mistakes_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    text = (
        "profile: x\nformat: json\nconstants: {action: log, orgg: a}\n"
        "time: {from: t, zone: Mars, form: x}\nfields:\n  actor.typ: a\n  outcome: {from: s, map: {a: b, c: d}}\n"
    )
    places = [problem.split(" ")[0] for problem in problems(tmp_path, text)]
    assert places == [f"profile.yaml:{place}:" for place in ("3:26", "4:23", "4:29", "6:3", "7:31", "7:37")]


def test_the_profiles_of_a_folder_are_loaded_by_name_and_all_their_mistakes_named(tmp_path: Path) -> None:
    assert set(DEFINITIONS) >= {"journal", "jsonl", "nginx", "sshd", "syslog"}
    (tmp_path / "a.yaml").write_text(FINE)
    (tmp_path / "b.yaml").write_text(FINE)
    (tmp_path / "c.yaml").write_text(FINE + "keyz: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_profiles(tmp_path)
    first, second = (str(problem) for problem in caught.value.problems)
    assert first.endswith(f"b.yaml:1:1: the profile 'x' is also in {tmp_path / 'a.yaml'}; rename one")
    assert second.endswith("c.yaml:4:1: 'keyz': there is no such option; did you mean 'keys'?")


def test_a_folder_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml:1:1: cannot be read"):
        load_profile(tmp_path / "nowhere.yaml")


def test_constants_given_by_the_caller_come_before_the_profiles_own(tmp_path: Path) -> None:
    definition = written(tmp_path, FINE + "fields: {org: org}\n")
    profile = compiled(definition, constants={"org": "acme", "origin.host": "web01", "project": "p"})
    assert profile.constants == {"origin.host": "web01", "project": "p", "origin.profile": "x"}
    assert event(profile, "{}")["org"] == "acme"
    assert event(profile, '{"org": "other"}')["org"] == "other"
    assert event(profile, "{}")["origin.host"] == "web01"


def test_a_named_detail_is_renamed_or_read_as_a_number(tmp_path: Path) -> None:
    definition = written(tmp_path, FINE + "fields:\n  details.port: {from: p, as: number}\n  details.who: w\n")
    profile = compiled(definition)
    assert event(profile, '{"p": "22", "w": "bob", "x": 1}')["details"] == {"port": 22, "who": "bob", "x": 1}
    assert event(profile, '{"p": "22", "port": 23}')["details"] == {"p": "22", "port": 23}
    assert event(profile, '{"p": "ssh"}')["details"] == {"p": "ssh"}


def test_the_rest_can_be_left_out(tmp_path: Path) -> None:
    definition = written(tmp_path, FINE + "details: none\nfields: {details.a: a, org: o}\n")
    assert event(compiled(definition), '{"a": "1", "b": 2, "o": "x"}')["details"] == {"a": "1"}
    without = written(tmp_path, FINE + "details: none\n")
    assert [event(compiled(without), '{"b": 2}').get("details") for _ in range(40)] == [None] * 40


def test_a_pattern_stands_in_place_of_what_the_profile_says(tmp_path: Path) -> None:
    definition = written(
        tmp_path,
        "profile: x\nformat: syslog\nconstants: {action: log, org: a}\nfields: {resource.id: host, project: program}\n"
        "patterns:\n"
        "  - {name: p, match: 'in (?P<what>.+)', constants: {resource.id: c, action: login}, fields: {org: what}}\n"
        "  - {name: q, of: program, match: 'su.*'}\n",
    )
    profile = compiled(definition)
    first = event(profile, "Nov 21 14:05:09 h su: in here")
    assert (first["action"], first["resource.id"], first["org"], first["project"]) == ("login", "c", "here", "su")
    second = event(profile, "Nov 21 14:05:09 h sudo: else")
    assert (second["action"], second["resource.id"], second["org"]) == ("log", "h", "a")
    (unparsed,) = profile([b"Nov 21 14:05:09 h cron: else"], 0).unparsed
    assert unparsed.reason == "fits no pattern of the profile 'x', which look at 'message' or 'program'"


def test_match_looks_into_objects_and_says_what_it_missed(tmp_path: Path) -> None:
    profile = compiled(written(tmp_path, FINE + "match: {app.name: [shop, cart]}\n"))
    assert event(profile, '{"app": {"name": "shop"}}')["action"] == "log"
    assert event(profile, '{"app.name": "cart"}')["action"] == "log"
    reasons = [
        line.reason for line in profile([b"{}", b'{"app": {"name": "x"}}', b'{"app": {"name": ["x"]}}'], 0).unparsed
    ]
    assert reasons[0] == "is not of the profile 'x': 'app.name' is missing, expected 'cart' or 'shop'"
    assert reasons[1] == "is not of the profile 'x': 'app.name' is 'x', expected 'cart' or 'shop'"
    assert "is ['x']" in reasons[2]


def test_the_generated_code_can_be_looked_at() -> None:
    source = compiled(DEFINITIONS["jsonl"]).source(b'{"ts": "x", "user": "y"}')
    assert source.startswith("def row(d, changes, read_us, flags):\n")
    assert "d.get('user')" in source
