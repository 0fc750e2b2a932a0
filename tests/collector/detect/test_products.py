"""Rules for the raw records of other products find those products' events, and nothing else."""

from pathlib import Path

import pytest

from collector.detect import DetectSettings, Engine, Surroundings, load_rules, read_rules, read_surroundings
from collector.detect.view import BatchView
from collector.detect.wording import words_of
from tests.collector.detect.blocks import START, block, event
from tests.collector.detect.community import CASES, PROFILES, Case
from tests.collector.detect.rules import RULE_ID, correlation, detection
from watchbook.configfile import ConfigError


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Surroundings:
    folder = tmp_path_factory.mktemp("profiles")
    for name, source in PROFILES.items():
        said = f"logsource: {source}  # its own\n" if source else ""
        (folder / f"{name}.yaml").write_text(f"# a profile\nprofile: {name}\n{said}format: json\nfields: {{}}\n")
    return read_surroundings([folder], lists={"Administrators": ("root", "adm*")})


def rule(source: str, lines: str, extra: str = "") -> str:
    return f"title: A test\nid: {RULE_ID}\nlogsource: {{{source}}}\ndetection: {lines}\n{extra}"


def matches(path: Path, surroundings: Surroundings, fields: dict[str, object]) -> bool:
    (compiled,) = load_rules([path], surroundings).rules
    known = {name.replace(".", "__"): value for name, value in fields.items() if value is not None}
    return list(compiled.matchers[0](BatchView(block([event(**known)]).batch))) == [0]  # type: ignore[arg-type]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_rule_of_another_product_finds_its_events(tmp_path: Path, surroundings: Surroundings, case: Case) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(rule(case.source, case.detection))
    assert matches(path, surroundings, case.event)
    for miss in case.misses:
        assert not matches(path, surroundings, case.event | miss), miss


@pytest.mark.parametrize(
    "source",
    ["product: windows, category: process_creation", "product: macos", "category: dns", "product: aws, service: waf"],
)
def test_a_log_source_that_nobody_writes_can_never_match(
    tmp_path: Path, surroundings: Surroundings, source: str
) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(rule(source, "{selection: {a: b}, condition: selection}"))
    with pytest.raises(ConfigError) as caught:
        load_rules([path], surroundings)
    assert f"can never match here: no profile has the log source {{{source}}}" in str(caught.value)


def test_a_rule_for_no_product_is_about_our_events_unless_only_others_have_its_log_source(
    tmp_path: Path, surroundings: Surroundings
) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(rule("category: authentication, service: sshd", "{s: {actor.id: bob}, condition: s}"))
    assert matches(path, surroundings, {"category": "authentication", "origin.profile": "sshd", "actor.id": "bob"})
    path.write_text(rule("service: cloudtrail", "{s: {actor.id: bob}, condition: s}"))
    assert matches(path, surroundings, {"origin.profile": "cloudtrail", "actor.id": "bob"})
    path.write_text(rule("service: signinlogs", "{s: {UserPrincipalName: bob}, condition: s}"))
    assert matches(path, surroundings, {"origin.profile": "azure-signin", "actor.id": "bob"})


def test_placeholders_are_the_values_of_lists(tmp_path: Path, surroundings: Surroundings) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(detection("actor.id|expand: '%Administrators%'\nmessage|contains|expand: 'by %Administrators%!'"))
    for actor, message, found in (
        ("root", "done by Root!", True),
        ("ADMIN", "by adm7!", True),
        ("bob", "by root!", False),
        ("root", "by bob!", False),
    ):
        assert matches(path, surroundings, {"actor.id": actor, "message": message}) is found
    path.write_text(detection("actor.id|expand: '%Nobodies%'"))
    with pytest.raises(ConfigError, match="needs list 'Nobodies'"):
        load_rules([path], surroundings)
    empty = Surroundings(lists={"Nobodies": ()})
    assert not matches(path, empty, {"actor.id": ""})


def test_a_list_may_be_the_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "admins.txt").write_text("# who may\nroot\n\n  eve  \n")
    assert read_surroundings(lists={"a": (f"@{tmp_path}/admins.txt", "@bob")}).lists == {"a": ("root", "eve", "@bob")}
    with pytest.raises(ConfigError, match="the list 'a' "):
        read_surroundings(lists={"a": (f"@{tmp_path}/missing.txt",)})


def test_own_aliases_go_before_the_shipped_ones_and_mistakes_in_them_are_named(tmp_path: Path) -> None:
    profile, own, path = tmp_path / "shop.yaml", tmp_path / "aliases.yaml", tmp_path / "rule.yml"
    profile.write_text("profile: shop\nlogsource:\n  product: okta\n  # ours\n  service: okta\nformat: json\n")
    own.write_text("profiles: [shop]\nfields:\n  eventType: details.kind\n")
    path.write_text(rule("product: okta", "{s: {eventType: x, outcome.result: FAILURE}, condition: s}"))
    surroundings = read_surroundings([profile], [own])
    assert matches(path, surroundings, {"origin.profile": "shop", "details": {"kind": "x"}, "outcome": "failure"})
    own.write_text("profile: [shop]\nfields:\n  a: actr.id\n  b: {filed: x}\nkeywords: [nope]\n")
    with pytest.raises(ConfigError) as caught:
        read_surroundings([profile], [own])
    told = [str(problem).replace(f"{own}:", "") for problem in caught.value.problems]
    assert [each.split(" ")[0] for each in told] == ["1:1:", "1:1:", "3:6:", "4:6:", "5:11:"]
    assert "did you mean 'profiles'" in told[0] + told[1]
    profile.write_text("profile: shop\nlogsource: okta\n")
    with pytest.raises(ConfigError, match="2:1: 'logsource': expected"):
        read_surroundings([profile])


FILTER = """---
title: Not the backup
logsource: {{product: watchbook}}
filter:
  rules: {rules}
  backup: {{actor.id|startswith: backup}}
  condition: not backup
"""


def test_a_filter_is_a_condition_more_of_the_rules_it_names(tmp_path: Path, surroundings: Surroundings) -> None:
    path = tmp_path / "rule.yml"
    for rules, filtered in (("any", True), ("[test]", True), (f"[{RULE_ID}]", True), ("[]", True)):
        path.write_text(detection("action: read") + FILTER.format(rules=rules))
        assert matches(path, surroundings, {"action": "read", "actor.id": "bob"})
        assert matches(path, surroundings, {"action": "read", "actor.id": "backup-7"}) is not filtered
    other = detection("action: read").replace("name: test", "name: other").replace("1111-4111", "1111-4112")
    path.write_text(detection("action: read") + "---\n" + other + FILTER.format(rules="[other]"))
    first, second = load_rules([path], surroundings).rules
    assert "backup" not in words_of(first.matchers[0].expression)
    assert "not actor.id is like 'backup*'" in words_of(second.matchers[0].expression)


def test_a_filter_reaches_what_a_correlation_counts(tmp_path: Path, surroundings: Surroundings) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(correlation(5, "10m") + FILTER.format(rules="any"))
    (many,) = load_rules([path], surroundings).rules
    assert "backup" in words_of(many.matchers[0].expression)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILTER.format(rules="[tset]"), "5:10: 'filter.rules': there is no rule 'tset'"),
        (FILTER.format(rules="[test]").replace("watchbook", "okta"), "'filter.rules': its log source is not that of"),
        (FILTER.format(rules="any").replace("  rules: any\n", ""), "the option 'rules' is missing; add rules: any"),
        (FILTER.format(rules="any").replace("actor.id", "actr.id"), "no event has the field 'actr.id'"),
        ("---\ntitle: x\nlogsource: {product: watchbook}\nfilter: 5\n", "expected rules, selections and a condition"),
    ],
)
def test_mistakes_of_a_filter_are_named(tmp_path: Path, surroundings: Surroundings, text: str, words: str) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(detection("action: read") + text)
    if words.startswith("5:10"):
        path.write_text(text.removeprefix("---\n") + "---\n" + detection("action: read"))
        words = f"{path}:{words.replace('5:10', '4:10')}"
    with pytest.raises(ConfigError) as caught:
        load_rules([path], surroundings)
    assert words in str(caught.value)


def test_a_correlation_groups_by_the_raw_fields_of_what_it_counts(tmp_path: Path, surroundings: Surroundings) -> None:
    base = rule("product: aws, service: cloudtrail", "{s: {errorCode: AccessDenied}, condition: s}", "name: denied\n")
    many = f"""---
title: Many denied
id: {RULE_ID.replace("1111-4111", "1111-4112")}
correlation:
  type: value_count
  rules: [denied]
  group-by: [userIdentity.arn]
  timespan: 10m
  condition: {{gte: 2, field: eventName}}
"""
    path = tmp_path / "rule.yml"
    path.write_text(base + many)
    engine = Engine(load_rules([path], surroundings), DetectSettings())
    events = [
        event(START + n, origin__profile="cloudtrail", reason="AccessDenied", actor__id=actor, event_type=name)
        for n, (actor, name) in enumerate([("a", "GetX"), ("b", "GetX"), ("a", "GetX"), ("a", "PutX")])
    ]
    (change,) = engine.process(block(events))
    assert (change.kind, change.alert.group) == ("opened", (("userIdentity.arn", "a"),))
    path.write_text((base + many).replace("userIdentity.arn", "userIdentity.arm"))
    with pytest.raises(ConfigError, match="no event has the field"):
        load_rules([path], surroundings)


def test_values_are_counted_together_over_rules_that_group_by_other_fields(
    tmp_path: Path, surroundings: Surroundings
) -> None:
    first = rule("product: aws", "{s: {errorCode: AccessDenied}, condition: s}", "name: denied\n")
    second = detection("outcome: failure", rule_id=RULE_ID.replace("1111-4111", "1111-4113"))
    many = f"""title: Many
id: {RULE_ID.replace("1111-4111", "1111-4112")}
correlation:
  type: value_count
  rules: [denied, test]
  aliases: {{who: {{denied: actor.id, test: actor.name}}}}
  group-by: [who]
  timespan: 10m
  condition: {{gte: 3, field: event_type}}
"""
    path = tmp_path / "rule.yml"
    path.write_text(f"{first}---\n{second}\n---\n{many}")
    engine = Engine(load_rules([path], surroundings), DetectSettings())
    events = [
        event(START, origin__profile="cloudtrail", reason="AccessDenied", actor__id="a", event_type="one"),
        event(START + 1, outcome="failure", actor__id="x", actor__name="a", event_type="two"),
        event(START + 2, outcome="failure", actor__id="x", actor__name="a", event_type="two"),
        event(START + 3, outcome="failure", actor__id="x", actor__name="a", event_type="three"),
    ]
    (change,) = engine.process(block(events))
    assert (change.kind, change.alert.group, change.alert.events) == ("opened", (("who", "a"),), 4)


COLLECTION = f"""action: global
title: Common
level: high
logsource: {{product: watchbook}}
detection:
  condition: s
---
id: {RULE_ID}
detection:
  s: {{action: read}}
---
id: {RULE_ID.replace("1111-4111", "1111-4112")}
title: Own
detection:
  s: {{action: delete}}
---
action: repeat
id: {RULE_ID.replace("1111-4111", "1111-4113")}
level: low
---
action: reset
---
id: {RULE_ID.replace("1111-4111", "1111-4114")}
title: Alone
logsource: {{product: watchbook}}
detection: {{s: {{action: export}}, condition: s}}
"""


def test_collections_say_what_their_rules_have_in_common(tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(COLLECTION)
    rules = load_rules([path]).rules
    assert [(each.brief.title, each.brief.level) for each in rules] == [
        ("Common", "high"), ("Own", "high"), ("Own", "low"), ("Alone", "medium")
    ]  # fmt: skip
    assert [words_of(each.matchers[0].expression) for each in rules] == [
        "action is 'read'", "action is 'delete'", "action is 'delete'", "action is 'export'"
    ]  # fmt: skip
    assert [each.place.rpartition(":")[2] for each in rules] == ["8", "12", "17", "23"]
    path.write_text(COLLECTION.replace("s: {action: delete}", "s: {actin: delete}"))
    with pytest.raises(ConfigError) as caught:
        load_rules([path])
    assert {str(problem).split(":")[1] for problem in caught.value.problems} == {"15"}
    path.write_text("action: repeat\n---\naction: globl\n")
    with pytest.raises(ConfigError, match="there is none; put the rule first"):
        load_rules([path])


def test_remarks_name_what_is_hardly_meant(tmp_path: Path, surroundings: Surroundings) -> None:
    def remarks(text: str) -> list[str]:
        (tmp_path / "rule.yml").write_text(text)
        loaded = read_rules([tmp_path / "rule.yml"], surroundings)
        assert not loaded.problems
        return [f"{line}:{column}: {said}" for each in loaded.documents for line, column, said in each.remarks]

    (everything,) = remarks(detection("a: {actor.id: bob}", condition="not a"))
    assert (
        everything.startswith("7:3: matches every event that has none of its fields") or "matches every" in everything
    )
    (costly,) = remarks(detection("outcome: failure\ndetails.a|re: '[0-9]+'"))
    assert "may be costly" in costly
    (unknown,) = remarks(rule("product: okta", "\n  s:\n    eventtype: x\n    foo.bar|contains: y\n  condition: s"))
    assert unknown == "7:5: no alias is known for the field 'foo.bar' of okta; it is looked for in 'details.foo.bar'"
    assert remarks(rule("product: okta", "{s: {debugContext.x: y}, condition: s}")) == []
    assert remarks(detection("action: delete\nresource.type: [a, b]")) == []
