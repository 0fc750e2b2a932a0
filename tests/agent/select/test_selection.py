"""Rules at work: what is dropped and kept, counted, and decided the same each time."""

from pathlib import Path

import pytest

from agent.accounting import account_of
from agent.config import load_settings
from agent.records import Chunk, Normalised, Unparsed
from agent.select import Conditions, DropSettings, SampleSettings, Selection, Share
from watchbook.configfile import ConfigError, parse

FIELDS = ("time", "action")


def conditions(text: str) -> Conditions:
    return Conditions.from_node(parse(text, "t"))


READS = DropSettings("reads", conditions("action: read"))
HALF = SampleSettings("half", conditions("action: log"), Share(0.5))


def test_what_a_rule_drops_is_counted_and_the_sum_of_the_bytes_stays_exact() -> None:
    lines = [b"read", b"", b"what?", b"login", b"read"]
    offsets = [0, 5, 6, 12, 18]
    chunk = Chunk("i", "f", lines, offsets, size=23, end=23)
    rows = [(1, "read"), (4, "login"), (5, "read")]
    made = Normalised(rows, [0, 3, 4], [Unparsed(2, "what?", "?")], blank=1, dropped={"off": 1})
    selected, kept = Selection([READS], [], FIELDS, {})(made, lines, offsets)
    assert (selected.rows, selected.row_lines, selected.unparsed) == ([(4, "login")], [3], made.unparsed)
    assert (selected.dropped, kept) == ({"reads": 2, "off": 1}, {})
    account = account_of(chunk, selected)
    assert (account.delivered, account.dropped, account.unparsed, account.lost) == (6, 11, 6, 0)
    assert account.read == 23 == account.delivered + account.dropped + account.unparsed + account.lost


def test_without_a_hit_nothing_is_copied() -> None:
    made = Normalised([(1, "login")], None, [])
    assert Selection([READS], [HALF], FIELDS, {})(made, [b"x"], [0]) == (made, {})


def test_a_line_of_several_events_is_dropped_only_when_all_of_them_are() -> None:
    lines = [b"two", b"two"]
    made = Normalised([(1, "read"), (1, "login"), (2, "read"), (2, "read")], [0, 0, 1, 1], [])
    selected, _ = Selection([READS], [], FIELDS, {})(made, lines, [0, 4])
    account = account_of(Chunk("i", "f", lines, [0, 4], size=8, end=8), selected)
    assert (selected.row_lines, account.delivered, account.dropped) == ([0], 4, 4)


def test_drop_rules_come_before_rules_that_keep_a_share() -> None:
    made = Normalised([(n, "log") for n in range(100)], None, [])
    everything = DropSettings("everything", conditions("category: access"))
    selected, kept = Selection([everything], [HALF], FIELDS, {"category": "access"})(
        made, [b"x"] * 100, list(range(100))
    )
    assert (selected.rows, selected.dropped, kept) == ([], {"everything": 100}, {})


@pytest.mark.parametrize("keep", [0.5, 0.01, 1 / 1000])
@pytest.mark.parametrize(
    "form", ["line %d of the application", '{"ts":"2026-11-21T09:00:00Z","seq":%09d,"a":"b"}', "x"]
)
def test_a_share_is_kept_whatever_lines_look_like_and_the_same_each_time(keep: float, form: str) -> None:
    n = 200_000
    lines = [(form % number if "%" in form else form).encode() for number in range(n)]
    offsets = [number * 40 for number in range(n)]
    made = Normalised([(number, "log") for number in range(n)], None, [])
    select = Selection([], [SampleSettings("some", conditions("action: log"), Share(keep))], FIELDS, {})
    selected, counts = select(made, lines, offsets)
    kept = len(selected.rows)
    assert (counts, selected.dropped) == ({"some": kept}, {"some": n - kept})
    assert abs(kept - n * keep) < 5 * (n * keep * (1 - keep)) ** 0.5  # five standard deviations
    assert select(made, lines, offsets) == (selected, counts)
    # Cut into other chunks, as after a crash, each line fares the same.
    part = select(made._replace(rows=made.rows[1000:]), lines[1000:], offsets[1000:]).normalised
    assert part.rows == [row for row in selected.rows if row[0] >= 1000]


def test_lines_that_come_from_no_file_are_sampled_by_their_text() -> None:
    lines = [b"<13>%d" % number for number in range(10_000)]
    made = Normalised([(number, "log") for number in range(10_000)], None, [])
    kept = len(Selection([], [HALF], FIELDS, {})(made, lines, [None] * 10_000).normalised.rows)
    assert 4_750 < kept < 5_250


BASE = "collector: {url: 'http://x', token: t}\nstate: /x\ninputs:\n  - {name: a, files: [/a], profile: jsonl%s}\n"


@pytest.mark.parametrize(
    ("more", "top", "wrong"),
    [
        (", drop: [{name: d, when: {acton: x}}]", "", "4:68: 'inputs[0].drop[0].when.acton': there is no event field"),
        (", drop: [{name: 'D 1', when: {action: x}}]", "", "4:58: 'inputs[0].drop[0].name': expected a name of small"),
        (", drop: [{name: d}]", "", "4:51: 'inputs[0].drop[0]': the option 'when' is missing"),
        (", sample: [{name: d, when: {action: x}, keep: 2}]", "", "4:88: 'inputs[0].sample[0].keep': expected a share"),
        (", sample: [{name: d, when: {action: x}, keep: 0}]", "", "to keep none of them use 'drop'"),
        (", sample: [{name: d, when: {action: x}, keep: 1 in 1}]", "", "to keep all of them leave the rule out"),
        (", sample: [{name: d, when: {action: x}, keep: nan}]", "", "expected a share between 0 and 1"),
        (", drop: [{name: d, when: {action: x}}, {name: d, when: {action: y}}]", "",
         "is the name of another rule, on line 4"),
        (", drop: [{name: d, when: {action: x}}]", "sample: [{name: d, when: {action: y}, keep: 0.1}]\n",
         "4:58: 'inputs[0].drop[0].name': 'd' is the name of another rule, on line 5"),
        ("", "drop: [{name: d, when: {action: y}}, {name: d, when: {action: y}}]\n",
         "5:45: 'drop[1].name': 'd' is the name"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_names_its_place(more: str, top: str, wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(BASE % more + top)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert wrong in str(caught.value), caught.value


def test_a_share_is_written_in_two_ways(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        BASE % ", sample: [{name: a, when: {action: x}, keep: 1 in 100}, {name: b, when: {action: x}, keep: 0.01}]"
    )
    one, two = load_settings(path)[0].inputs[0].sample
    assert one.keep == two.keep == 0.01
