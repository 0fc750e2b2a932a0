"""``watchbook: {inhibits: …}``: which rules keep which quiet, and what is wrong with that."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from collector.detect import Compiled, Rule, RuleSet, idle_inhibitions
from collector.finding import Inhibition
from tests.collector.detect.rules import RULE_ID, detection, ruleset
from watchbook.configfile import ConfigError

OTHER_ID = "33333333-3333-4333-8333-333333333333"
OTHER = detection("outcome: failure", rule_id=OTHER_ID).replace("name: test", "name: other")


def rules(inhibits: str, other: str = "") -> str:
    extra = f"watchbook:\n  inhibits: {inhibits}\n"
    return f"{detection('action: delete', extra=extra)}---\n{OTHER}{other}"


def test_a_rule_names_others_by_name_or_id(tmp_path: Path) -> None:
    both = f"[{{rule: other, equal: [actor.id]}}, {{rule: {OTHER_ID}}}]"
    assert ruleset(tmp_path, rules(both)).inhibitions == (
        Inhibition(RULE_ID, OTHER_ID, ("actor.id",)),
        Inhibition(RULE_ID, OTHER_ID, ()),
    )
    assert ruleset(tmp_path, OTHER).inhibitions == ()


@pytest.mark.parametrize(
    ("inhibits", "other", "said"),
    [
        ("[{rule: othr}]", "", "11:21: there is no rule 'othr' that raises alerts; did you mean 'other'?"),
        ("[{rule: other, equal: [org]}]", "", "11:36: alerts of 'A test' have no 'org': that rule groups by actor.id"),
        ("[{equal: [org]}]", "", "11:14: expected {rule: NAME or id, equal: [fields]}"),
        ("[{rule: other, equals: x}]", "", "11:36: expected {rule: NAME or id, equal: [fields]}"),
        ("[{rule: test}]", "", "11:21: keeps this rule quiet in turn: nobody would be told of either"),
        (
            "[{rule: other}]", "watchbook:\n  inhibits: [{rule: test}]\n",
            "23:21: keeps this rule quiet in turn: nobody would be told of either",
        ),
        ("other", "", "11:13: expected a list, found 'other'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, inhibits: str, other: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ruleset(tmp_path, rules(inhibits, other))
    found = [str(problem).partition("rule.yml:")[2] for problem in caught.value.problems]
    assert said in [re.sub(r" 'watchbook[^']*':", "", problem) for problem in found]


def test_a_rule_that_is_not_there_is_no_mistake_for_whoever_copies_one_rule(tmp_path: Path) -> None:
    found = ruleset(tmp_path, rules("[{rule: permission_change, equal: [actor.id]}]"))
    assert found.inhibitions == ()
    (remark,) = idle_inhibitions(found.rules, found.documents)
    assert str(remark).endswith("rule.yml:11:21: there is no rule 'permission_change' that raises alerts, "
                                "so none of it is kept quiet")  # fmt: skip
    assert list(idle_inhibitions(*_both(ruleset(tmp_path, rules("[{rule: other}]"))))) == []


def _both(found: RuleSet) -> tuple[Sequence[Rule], Sequence[Compiled]]:
    return found.rules, found.documents
