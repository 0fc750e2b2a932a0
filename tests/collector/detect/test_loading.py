"""Mistakes in rule files are named where they stand, all at once."""

from pathlib import Path

import pytest

from collector.detect import load_rules, read_rules
from tests.collector.detect.rules import RULE_ID, correlation, detection, ruleset
from watchbook.configfile import ConfigError


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "rule.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_rules([path])
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


MISTAKES = [
    # lines of the selection, place, what the message says
    ("actr.id: a", "8:5", "no event has the field 'actr.id'; did you mean 'actor.id'?"),
    ("Actor.Id: a", "8:5", "did you mean 'actor.id'?"),
    ("measure.rows|gte: 5", "8:5", "did you mean 'measures.rows'?"),
    ("CommandLine|contains: x", "8:5", "what only one source has lies under 'details.'"),
    ("details: x", "8:5", "'details' holds an object; name a member of it, such as 'details.ticket'"),
    ("changes.before: x", "8:5", "changes have no 'before'; known: changes.field, changes.old, changes.new"),
    ("action|contain: x", "8:5", "there is no modifier 'contain'; did you mean 'contains'?"),
    ("action|gibberish: x", "8:5", "there is no modifier 'gibberish'; known: all, base64"),
    ("action: read\nactor.id|re: '(a'", "9:5", "is invalid: missing )"),
    ("source.ip|cidr: 10.0.0.0/99", "8:5", "Invalid CIDR expression"),
    ("measures.rows|gte: many", "8:5", "incompatible to value type"),
    ("actor.id|expand: '%admins%'", "8:5", "needs list 'admins': no list is known for the placeholder '%admins%'"),
    ("actor.id|fieldref: actor.name", "8:5", "'FieldReference' are not supported yet"),
    ("time|hour: 3", "8:5", "'TimestampPart' are not supported yet"),
]


@pytest.mark.parametrize(("lines", "place", "words"), MISTAKES, ids=[case[0] for case in MISTAKES])
def test_a_wrong_line_of_a_detection_is_named_where_it_stands(
    tmp_path: Path, lines: str, place: str, words: str
) -> None:
    (problem,) = problems(tmp_path, detection(lines))
    assert problem.startswith(f"{place}: 'detection.selection.")
    assert words in problem


def test_the_condition_names_what_is_not_there(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, detection("a: {action: read}", condition="a and b"))
    assert problem.startswith("8:14: 'detection.condition': ")
    assert "'b' not defined" in problem


def test_a_condition_that_cannot_be_parsed_is_named(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, detection("a: {action: read}", condition="a and"))
    assert problem.startswith("8:14: 'detection.condition': ")


def test_attributes_are_checked_where_they_stand(tmp_path: Path) -> None:
    text = detection("action: read", extra="level: severe\nstatus: [x]\ntags: [nonsense]\n").replace(RULE_ID, "no-uuid")
    found = problems(tmp_path, text)
    assert [problem.split(": ")[1] for problem in found] == ["'id'", "'level'", "'status'", "'tags'"]
    assert [problem.split(":")[0] for problem in found] == ["3", "10", "11", "12"]


def test_an_alerting_rule_without_an_id_is_given_one_to_copy(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, detection("action: read").replace(f"id: {RULE_ID}\n", ""))
    assert problem.startswith("1:1: the option 'id' is missing; add id: ")


def test_everything_is_told_at_once_over_files_and_documents(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(detection("actr.id: a") + "---\n" + detection("nope: a", rule_id=RULE_ID))
    (tmp_path / "b.yaml").write_text("title: [\n")
    (tmp_path / "c.yml").write_text("- no rule\n")
    with pytest.raises(ConfigError) as caught:
        load_rules([tmp_path, tmp_path / "missing"])
    told = "\n".join(str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems)
    for expected in (
        "a.yml:8:5: 'detection.selection.actr.id'",
        "a.yml:18:5: 'detection.selection.nope'",
        "a.yml:11:1: another rule is called",
        "b.yaml:2:1: is no YAML",
        "c.yml:1:1: expected a rule, which is a mapping, found a list",
        "missing:1:1: there is no such file or folder of rules",
    ):
        assert expected in told


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, detection("action: read\n  action: login".replace("  ", "")))
    assert problem == "9:5: 'detection.selection.action': is given twice, first on line 8; keep one of them"


def test_anchors_cannot_blow_a_rule_up(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
    )
    (problem,) = problems(tmp_path, bomb)
    assert "more than 50000 values" in problem


def test_a_rule_that_contains_itself_is_refused(tmp_path: Path) -> None:
    assert "more than 50000 values" in problems(tmp_path, "a: &a [*a]\n")[0]


@pytest.mark.parametrize(
    "text", ["detection: 5\ntitle: x\n", "title: 5\nlogsource: []\n", "correlation: 7\ntitle: x\n"]
)
def test_odd_shapes_are_mistakes_and_never_crashes(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, f"id: {RULE_ID}\n{text}")


def test_an_old_form_and_a_product_that_nobody_has_are_named(tmp_path: Path) -> None:
    (other,) = problems(tmp_path, detection("action: a").replace(": watchbook", ": windows"))
    assert other.startswith("5:3: 'logsource': can never match here: no profile has the log source {product: windows};")
    old = problems(tmp_path, detection("action: a").replace("  condition", "  timeframe: 5m\n  condition"))
    assert "write a correlation" in old[0]


CORRELATION_MISTAKES = [
    ("[test]", "[tset]", "16:10: 'correlation.rules': there is no rule 'tset'; did you mean 'test'?"),
    ("[test]", f"[{RULE_ID}]", "'correlation.rules': refers to itself: 11111111-1111-4111-8111-111111111111 -> "),
    ("event_count", "value_count", "'correlation.condition': the option 'field' is missing; add the field whose"),
    ("event_count", "values", "'correlation.type': 'values' is no valid Sigma correlation type"),
    ("event_count", "temporal", "'correlation.rules': expected at least two rules, found 1"),
    ("{gte: 5}", "{lt: 0}", "'correlation.condition': is never so: it is asked when something matches"),
    ("{gte: 5}", "{gte: 5, field: measure.rows}", "the field 'measure.rows'; did you mean 'measures.rows'?"),
    ("{gte: 5}", "{gte: 0}", "'correlation.condition': expected a count above zero, found 0"),
    ("{gte: 5}", "{gte: five}", "'correlation.condition': 'five' is no valid"),
    ("5m", "5 minutes", "18:13: 'correlation.timespan': Timespan '5 minutes' is invalid; write a number"),
    ("  timespan: 5m\n", "", "'correlation': the option 'timespan' is missing; add how long the window is"),
    ("  rules: [test]\n", "", "'correlation': the option 'rules' is missing; add the names or ids of the rules"),
    ("  condition: {gte: 5}\n", "", "'correlation': the option 'condition' is missing; add how many are enough"),
    ("{gte: 5}", "{gte: 1, lte: 5}", "one of gte, gt, lte, lt, eq, neq; for a range, write two correlations"),
    ("[actor.id]", "[actor.id, actr]", "'correlation.group-by[1]': no event has the field 'actr'"),
    ("[actor.id]", "[measures.rows]", "expected a field with one text to group by, found 'measures.rows'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), CORRELATION_MISTAKES, ids=[case[2] for case in CORRELATION_MISTAKES])
def test_a_wrong_correlation_is_named_where_it_stands(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = correlation(5, "5m")
    head, _, tail = text.partition("---")
    found = problems(tmp_path, f"{head}---{tail.replace(old, new)}")
    assert any(words in problem for problem in found), found
    if "value_count" not in new:
        assert len(found) == 1


NEXT_STEPS = [
    # what stands in a right rule, what stands there instead, what is said
    ("title: A test\n", "", "1:1: the option 'title' is missing; add title: what an alert of it is called"),
    ("logsource:\n  product: watchbook\n", "", "1:1: the option 'logsource' is missing; add logsource: {product:"),
    ("condition: selection", "condition: selektion", "did you mean 'selection'?"),
    ("condition: selection", "condition: 1 of x_*", "; the selections are: selection"),
    ("condition: selection", "condition: selection and (", "cannot be read after its last word; join"),
    ("condition: selection", "condition: selection | count() > 5", "write a correlation with 'type: event_count'"),
    ("  condition: selection\n", "", "the option 'condition' is missing; add which selections must hold"),
    ("action: read", "action|re: '(?=x)'", "RE2 has no look-around and no back-references"),
    ("action: read", "action|exists: maybe", "expected true or false, 'maybe' is none"),
    ("action: read", "source.ip|cidr: 10.0.0.0/99", "write one as 10.0.0.0/8 or 2001:db8::/32"),
    (RULE_ID, "12", "3:5: 'id': Sigma rule identifier must be an UUID; write a UUID"),
    ("detection:", "level: severe\ndetection:", "known: informational, low, medium, high, critical"),
    ("detection:", "status: steady\ndetection:", "known: unsupported, deprecated, experimental, test, stable"),
    ("detection:", "watchbook: {absence: {remember: 1d}}\ndetection:", "is for a correlation of 'type: event_count'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), NEXT_STEPS, ids=[case[2] for case in NEXT_STEPS])
def test_every_mistake_comes_with_the_next_step(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = detection("action: read")
    assert old in text
    (problem,) = problems(tmp_path, text.replace(old, new, 1))
    assert words in problem


REMARKS = [
    ("outcome: failed", {}, "no event has the outcome 'failed'; known: failure, in_progress, pending, success"),
    ("actor.type: users", {}, "no event has the actor.type 'users'; known: anonymous, api_key"),
    ("a: {action: read}\nb: {action: delete}", {"condition": "a"}, "8:3: remark: the condition does not ask for 'b'"),
    ("action: read", {"extra": "levl: high\n"}, "the option 'levl' is not known and is left alone; did you mean"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "more", "words"), REMARKS, ids=[case[2] for case in REMARKS])
def test_what_is_hardly_meant_is_remarked_on(tmp_path: Path, lines: str, more: dict[str, str], words: str) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(detection(lines, **more))
    loaded = read_rules([path])
    assert loaded.problems == []
    (remark,) = loaded.documents[0].remarks
    assert words in f"{remark.line}:{remark.column}: remark: {remark.text}"


def test_selections_that_a_condition_asks_for_by_pattern_are_used(tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    for condition in ("1 of a_*", "all of them", "a_1 and not (a_2)", "[a_1, a_2]"):
        path.write_text(detection("a_1: {action: read}\na_2: {action: delete}", condition=condition))
        assert read_rules([path]).documents[0].remarks == ()


def test_a_service_that_is_no_profile_is_remarked_on(tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(detection("action: read").replace("product: watchbook", "product: watchbook\n  service: sshdd"))
    assert [each.text for each in read_rules([path]).documents[0].remarks] == [
        "no profile is called 'sshdd'; did you mean 'sshd'?"
    ]


def test_a_list_is_not_asked_for_by_a_rule_that_can_never_match(tmp_path: Path) -> None:
    text = detection("action|expand: '%admins%'").replace("product: watchbook", "product: windows")
    assert "can never match here" in problems(tmp_path, text)[0]


def test_the_watchbook_block_is_checked(tmp_path: Path) -> None:
    extra = "watchbook:\n  quiet: soon\n  missing: maybe\n  grup-by: [a]\n  group-by: [a]\n"
    found = problems(tmp_path, detection("action: a", extra=extra))
    assert [problem.split(": ", 1)[0] for problem in found] == ["11:10", "12:12", "13:3", "14:14"]
    assert "did you mean 'group-by'?" in found[2]
    told = problems(tmp_path, correlation(5, "5m") + "watchbook: {quiet: 5m}\n")
    assert "a correlation says this in 'correlation.timespan'; remove it here" in told[0]


def test_a_rule_keeps_what_an_alert_shows(tmp_path: Path) -> None:
    extra = """
    level: high
    description: |
      What it is.
    falsepositives: [none]
    tags: [attack.t1110]
    watchbook:
      group-by: source.ip
      quiet: 90s
      missing: skip
      response: Do this.
      runbook: https://example.com/r
    """
    (rule,) = ruleset(tmp_path, detection("action: a", extra=extra)).rules
    assert (rule.brief.level, rule.brief.description, rule.brief.response) == ("high", "What it is.", "Do this.")
    assert (rule.brief.runbook, rule.brief.tags, rule.brief.falsepositives) == (
        "https://example.com/r",
        ("attack.t1110",),
        ("none",),
    )
    assert (rule.group_by, rule.span_us, rule.missing, rule.condition.threshold) == (
        ("source.ip",),
        90_000_000,
        "skip",
        1,
    )
    assert rule.place == f"{tmp_path}/rule.yml:1"


def test_a_counted_rule_alerts_by_itself_only_if_the_correlation_says_generate(tmp_path: Path) -> None:
    assert [rule.brief.title for rule in ruleset(tmp_path, correlation(5, "5m")).rules] == ["Many"]
    both = correlation(5, "5m").replace("type: event_count", "type: event_count\n  generate: true")
    assert [rule.brief.title for rule in ruleset(tmp_path, both).rules] == ["A test", "Many"]


def test_a_correlation_finds_its_rule_in_another_file_and_by_id(tmp_path: Path) -> None:
    base, _, counting = correlation(5, "5m").partition("---\n")
    (tmp_path / "z_base.yml").write_text(base)
    (tmp_path / "a_count.yml").write_text(counting.replace("[test]", "[22222222-2222-4222-8222-222222222222]"))
    assert [rule.brief.title for rule in load_rules([tmp_path, tmp_path / "z_base.yml"]).rules] == ["Many"]


def test_tests_of_rules_are_no_rules(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "x.yml").write_text("rule: x\n")
    assert load_rules([tmp_path]).rules == ()
