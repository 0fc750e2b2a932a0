"""The gate looks at many lines at once, and says of the same ones that it suspects them as when it looks at each."""

from itertools import islice

import pytest

from agent.redact import RedactSettings, SecretRedactor, make_redactor
from agent.redact.settings import OwnPattern
from tests.agent.redact.clean import clean_lines
from tests.agent.redact.test_ways import CARDS, WAYS

_SECRET = b"password=hunter2"


def redactor(*patterns: str) -> SecretRedactor:
    given = tuple(OwnPattern(name=f"own_{number}", match=match) for number, match in enumerate(patterns))
    made = make_redactor(RedactSettings(patterns=given))
    assert isinstance(made, SecretRedactor)
    return made


def alone(made: SecretRedactor, lines: list[bytes]) -> list[int]:
    """Return the places of the lines that are suspected when each is all that there is."""
    return [place for place, line in enumerate(lines) if made.suspected([line])]


def test_lines_are_suspected_together_as_they_are_alone() -> None:
    clean = [line for _, line in islice(clean_lines(4 * len(WAYS), 3), 4 * len(WAYS))]
    lines = []
    for number, way in enumerate((*WAYS, *CARDS)):
        if "PRIVATE" not in way.upper():  # the lines behind the beginning of a key are its own
            lines += [*clean[4 * number : 4 * number + number % 5], way.replace("\n", "\\n").encode()]
    made = redactor()
    places = made.suspected(lines)
    assert len(places) > len(WAYS) // 2
    assert places == alone(made, lines)


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        ([], []),
        ([b""], []),
        ([b"", _SECRET, b"", b"", _SECRET], [1, 4]),
        ([b"the password", b"= x"], []),  # what goes over the end of a line is in neither of them
        ([b"the password", b"=", _SECRET, b"ok"], [2]),
        ([b"user=bob --token", b"", b"x", _SECRET], [3]),
        ([_SECRET, b"and a token", b": " + _SECRET], [0, 2]),
    ],
)
def test_what_goes_over_the_end_of_a_line_hides_nothing(lines: list[bytes], places: list[int]) -> None:
    assert redactor().suspected(lines) == places


def test_a_pattern_of_the_users_holds_for_the_beginning_and_the_end_of_every_line() -> None:
    lines = [b"ok", b"BADGE 12345", b"no BADGE 1", b"pin 77", b"pin 77 ok"]
    assert redactor("^BADGE [0-9]+", "pin [0-9]+$").suspected(lines) == [1, 3]


def test_a_pattern_of_white_space_comes_to_an_end() -> None:
    assert redactor(r"\s+").suspected([b"a", b"b", b"c d", b"", b"e"]) == [2]


@pytest.mark.parametrize("way", [way for way in WAYS if "\n" not in way and "\\" not in way and "%" not in way])
def test_what_auditd_writes_as_digits_is_suspected_as_it_is_in_letters(way: str) -> None:
    made = redactor()
    digits = way.encode().hex().upper().encode()
    assert made.suspects(way.encode())
    assert made.suspected([b"type=PROCTITLE msg=audit(1793577600.000:1001): proctitle=" + digits]) == [0]


@pytest.mark.parametrize(
    "command",
    [
        "grep\0/var/log/auth.log",
        "rm\0/root/.ssh/authorized_keys",
        "mkdir\0-p\0/srv/x",
        "ls\0-a\0users.txt",
        "sort\0-u\0tokens",
    ],
)
def test_commands_that_hold_no_secret_are_not_suspected_for_their_digits(command: str) -> None:
    digits = command.encode().hex().upper().encode()
    assert not redactor().suspects(b"type=PROCTITLE msg=audit(1793577600.000:1001): proctitle=" + digits)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'["password","hunter2"]', [0]),
        (b"('password', 'hunter2')", [0]),
        (b'{<<"password">>, <<"hunter2">>}', [0]),
        (b'"[\\"password\\",\\"hunter2\\"]"', [0]),
        (b'{"user_type":"api_key","action":"created"}', []),
        (b'"{\\"user_type\\":\\"api_key\\",\\"action\\":\\"created\\"}"', []),
    ],
)
def test_a_pair_is_told_from_the_keys_of_an_object(line: bytes, expected: list[int]) -> None:
    assert redactor().suspected([line]) == expected
