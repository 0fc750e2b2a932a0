"""What is to be done about an alert names the group, as far as that is harmless in a shell."""

import pytest

from collector.finding import AlertState, GroupValue, RuleBrief, response_of

RESPONSE = """watchbook search 'actor:"<actor.id>" ip:"<source.ip>"' --since 2h, and <other> of NAME"""


def response(**group: GroupValue) -> str | None:
    named = tuple((name.replace("__", "."), value) for name, value in group.items())
    rule = RuleBrief("1", "A rule", "low", None, RESPONSE)
    return response_of(AlertState("a", rule, named, "", 1, 0, 0, 0, 0, 0, 0))


def test_the_values_of_the_group_stand_in_the_commands() -> None:
    said = response(actor__id="jörg@example.com", source__ip="2001:db8::1")
    assert said == """watchbook search 'actor:"jörg@example.com" ip:"2001:db8::1"' --since 2h, and <other> of NAME"""


@pytest.mark.parametrize("value", [
    "x'; rm -rf ~; '", 'a" or "b', "$(id)", "`id`", "a b", "-rf", "a\nb", "a\\", "", None, "a" * 201, "<b>", "*",
])  # fmt: skip
def test_what_could_steer_a_shell_or_a_query_is_left_out(value: GroupValue) -> None:
    said = response(actor__id=value, source__ip="10.0.0.7")
    assert said is not None
    assert 'actor:"<actor.id>" ip:"10.0.0.7"' in said


def test_a_rule_without_a_response_has_none() -> None:
    rule = RuleBrief("1", "A rule", "low")
    assert response_of(AlertState("a", rule, (), "", 1, 0, 0, 0, 0, 0, 0)) is None
