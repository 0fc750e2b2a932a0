"""Configuration files: YAML bound to settings, every mistake with its place."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Literal

import pytest

from watchbook.configfile import ConfigError, bind, documented_settings, load, parse, positive, setting
from watchbook.units import Bytes, Seconds


@dataclass(frozen=True)
class Input:
    """Settings of one input."""

    name: str = setting("Its name.")
    files: tuple[str, ...] = setting("Globs.", check=lambda globs: None if globs else "at least one glob")
    constants: Mapping[str, str] = setting("Fields of every event.", default_factory=dict)
    read_from: Literal["beginning", "end"] = setting("Where to start.", "end")


@dataclass(frozen=True)
class Ship:
    """Settings of the shipper."""

    timeout: Seconds = setting("How long a request may take.", Seconds(10.0), check=positive)
    batch_bytes_max: Bytes = setting("Size of a batch.", Bytes(1024))


@dataclass(frozen=True)
class Settings:
    """Settings of the whole."""

    state: Path = setting("The folder it writes to.")
    inputs: tuple[Input, ...] = setting("What it reads.", default_factory=tuple)
    ship: Ship = setting("How it sends.", default_factory=Ship)
    level: str = setting("Log level.", "info")
    compress: bool = setting("Whether to compress.", True)
    retries: int = setting("How often.", 3, check=positive)
    ratio: float = setting("A ratio.", 0.5)
    token_file: Path | None = setting("A token.", None)


def settings_of(text: str) -> Settings:
    return bind(parse(text, "agent.yaml"), Settings)


def mistakes_in(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings_of(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_fills_the_settings_and_the_rest_keeps_its_defaults() -> None:
    settings = settings_of(
        """
        state: /var/lib/watchbook
        inputs:
          - name: nginx
            files: ["/var/log/nginx/*.log", /srv/log]
            constants: {org: acme, version: 1.10}
            read_from: beginning
        ship: {timeout: 250ms, batch_bytes_max: 64KiB}
        compress: false
        ratio: 2
        token_file: ~
        """
    )
    assert settings == Settings(
        state=Path("/var/lib/watchbook"),
        inputs=(
            Input(
                "nginx", ("/var/log/nginx/*.log", "/srv/log"), {"org": "acme", "version": "1.10"}, read_from="beginning"
            ),
        ),
        ship=Ship(Seconds(0.25), Bytes(65536)),
        compress=False,
        ratio=2.0,
    )


def test_an_unknown_option_is_named_with_its_place_and_the_likely_one() -> None:
    assert mistakes_in("state: /x\nship:\n  timeuot: 3s\n") == [
        "agent.yaml:3:3: 'ship.timeuot': there is no such option; did you mean 'timeout'?"
    ]


def test_an_unknown_option_like_no_other_is_shown_those_there_are() -> None:
    assert mistakes_in("state: /x\nship: {colour: red}\n") == [
        "agent.yaml:2:8: 'ship.colour': there is no such option; known here: batch_bytes_max, timeout"
    ]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("retries: many", "10: 'retries': expected a whole number, found 'many'"),
        ("retries: 0", "10: 'retries': expected a value above zero, found '0'"),
        ("retries: [3]", "10: 'retries': expected a whole number, found a list"),
        ("retries:", "9: 'retries': expected a whole number, found nothing"),
        ("compress: no", "11: 'compress': expected true or false, found 'no'"),
        ("ratio: half", "8: 'ratio': expected a number, found 'half'"),
        ("ship: fast", "7: 'ship': expected a mapping of options, found 'fast'"),
        ("inputs: {}", "9: 'inputs': expected a list, found a mapping"),
        (
            "ship: {timeout: 10}",
            (
                "17: 'ship.timeout': expected a duration, found '10' "
                "('10' is no duration; write a number and a unit: 250ms, 10s, 5m, 2h, 7d, 4w)"
            ),
        ),
        ("ship: {timeout: 0s}", "17: 'ship.timeout': expected a value above zero, found '0s'"),
        (
            "ship: {batch_bytes_max: big}",
            (
                "25: 'ship.batch_bytes_max': expected a size, found 'big' "
                "('big' is no size; write a number and a unit: 512, 64KiB, 10MB, 1GiB)"
            ),
        ),
    ],
)
def test_a_value_of_the_wrong_type_says_what_was_expected_and_found(line: str, mistake: str) -> None:
    assert mistakes_in(f"state: /x\n{line}\n") == [f"agent.yaml:2:{mistake}"]


def test_a_choice_shows_the_choices() -> None:
    assert mistakes_in("state: /x\ninputs:\n- {name: a, files: [b], read_from: middle}") == [
        "agent.yaml:3:36: 'inputs[0].read_from': expected one of beginning, end, found 'middle'"
    ]


def test_a_missing_option_says_what_it_is_for() -> None:
    assert mistakes_in("level: info\n") == [
        "agent.yaml:1:1: the option 'state' is missing; add it: The folder it writes to."
    ]
    assert mistakes_in("") == ["agent.yaml:1:1: the option 'state' is missing; add it: The folder it writes to."]


def test_a_missing_option_within_a_list_names_the_item() -> None:
    assert mistakes_in("state: /x\ninputs:\n  - files: [a]\n") == [
        "agent.yaml:3:5: 'inputs[0]': the option 'name' is missing; add it: Its name."
    ]


def test_an_empty_list_is_checked_too() -> None:
    assert mistakes_in("state: /x\ninputs: [{name: a, files: []}]\n") == [
        "agent.yaml:2:27: 'inputs[0].files': expected at least one glob, found a list"
    ]


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    assert [problem.split(": ")[0] for problem in mistakes_in("retries: x\nlevle: info\nship: {timeout: y}\n")] == [
        "agent.yaml:1:1",  # 'state' is missing
        "agent.yaml:1:10",
        "agent.yaml:2:1",
        "agent.yaml:3:17",
    ]


def test_a_check_is_not_asked_about_a_value_that_could_not_be_read() -> None:
    @dataclass(frozen=True)
    class Ports:
        ports: tuple[int, ...] = setting("Ports.", check=lambda ports: None if min(ports) > 0 else "ports above zero")

    with pytest.raises(ConfigError) as caught:
        bind(parse("ports: [1, x]", "a.yaml"), Ports)
    assert [problem.text for problem in caught.value.problems] == [
        "'ports[1]': expected a whole number, found 'x'",
    ]


def test_a_repeated_key_is_refused_at_any_depth() -> None:
    assert mistakes_in("state: /x\nship:\n  timeout: 3s\n  timeout: 4s\nstate: /y\n") == [
        "agent.yaml:4:3: 'ship.timeout': is given twice, first on line 3; keep one of them",
        "agent.yaml:5:1: 'state': is given twice, first on line 1; keep one of them",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("state: [a\n", "agent.yaml:2:1: is no YAML: "),
        ("state: 'a\n", "agent.yaml:2:1: is no YAML: "),
        ("a: 1\n\tb: 2\n", "agent.yaml:2:1: is no YAML: "),
        ("a: *b\n", "agent.yaml:1:4: is no YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "agent.yaml:2:1: is no YAML: "),
        ("a: \0\n", "agent.yaml:1:1: is no YAML: unacceptable character"),
        ("a: &a [*a]\n", "agent.yaml:1:1: nests too deeply, or an anchor holds itself"),
        ("a: " + "[" * 2000, "agent.yaml:1:1: nests too deeply, or an anchor holds itself"),
        ("- state\n", "agent.yaml:1:1: expected a mapping of options, found a list"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused_with_its_place(text: str, mistake: str) -> None:
    (found, *_) = mistakes_in(text)
    assert found.startswith(mistake)


def test_a_file_that_is_not_utf_8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_bytes(b"state: /\xff\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:1:1: is not UTF-8: invalid start byte at byte 8"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "missing.yaml")
    assert str(caught.value) == f"{tmp_path}/missing.yaml:1:1: cannot be read: No such file or directory"
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["no", "off", "22:22", "1.10", "0777", "1_000", "2026-11-21", "null and void", "0x1f"])
def test_a_text_option_is_taken_as_it_is_written(text: str) -> None:
    assert settings_of(f"state: /x\nlevel: {text}\n").level == text
    assert settings_of(f"state: /x\nlevel: '{text}'\n").level == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("22:22", "22:22"),
        ("2026-11-21", "2026-11-21"),
        ("1.10", 1.1),
        ("12", 12),
        ("-3e2", -300.0),
        ("'12'", "12"),
        ("true", True),
        ("'true'", "true"),
        ("~", None),
        ("", None),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("[1, {a: no}]", [1, {"a": "no"}]),
    ],
)
def test_a_plain_value_has_the_core_types_and_no_guesses(text: str, value: object) -> None:
    plain = parse(f"x: {text}", "a.yaml").plain()
    assert plain == {"x": value}
    assert type(plain["x"]) is type(value)


def test_settings_are_documented_with_their_dotted_names_types_and_defaults() -> None:
    documented = {option: (kind, default, doc) for option, kind, default, doc in documented_settings(Settings)}
    assert documented["state"] == ("path", MISSING, "The folder it writes to.")
    assert documented["inputs[].read_from"] == ("beginning | end", "end", "Where to start.")
    assert documented["inputs[].constants"] == ("mapping to text", dict, "Fields of every event.")
    assert documented["ship.timeout"] == ("duration", 10.0, "How long a request may take.")
    assert documented["token_file"] == ("path", None, "A token.")
    assert documented["inputs"][0] == "list of mapping"


def test_settings_of_a_part_that_may_be_left_out_are_documented_under_its_name() -> None:
    @dataclass(frozen=True)
    class Optional:
        one: Input | None = setting("May be left out.", None)

    documented = [option for option, *_ in documented_settings(Optional)]
    assert documented[:2] == ["one", "one.name"]
