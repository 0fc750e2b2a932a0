"""The text for Prometheus, as its own parser reads it."""

import math

from prometheus_client.parser import text_string_to_metric_families

from agent.metrics import Family, render


def test_the_parser_of_prometheus_reads_what_was_meant() -> None:
    strange = 'a"b\\c\nd{}é,'
    counter = Family("watchbook_agent_x_total", "counter", 'Says "x" \\ and\nmore.')
    families = [
        counter.add(3, file=strange, input="a").add(4, file="b"),
        Family("watchbook_agent_y", "gauge", "Y.").add(0.25),
        Family("watchbook_agent_z", "gauge", "Without a sample it is left out."),
        Family("watchbook_agent_flag", "gauge", "A yes.").add(True),
        Family("watchbook_agent_large", "gauge", "Large.").add(2**53 - 1),
    ]
    read = {family.name: family for family in text_string_to_metric_families(render(families))}
    assert read.keys() == {"watchbook_agent_x", "watchbook_agent_y", "watchbook_agent_flag", "watchbook_agent_large"}
    one, two = read["watchbook_agent_x"].samples
    assert (one.labels, one.value) == ({"file": strange, "input": "a"}, 3)
    assert (two.labels, two.value) == ({"file": "b"}, 4)
    assert read["watchbook_agent_x"].documentation == 'Says "x" \\ and\nmore.'
    assert math.isclose(read["watchbook_agent_y"].samples[0].value, 0.25)
    assert read["watchbook_agent_flag"].samples[0].value == 1
    assert read["watchbook_agent_large"].samples[0].value == 2**53 - 1
