"""The ids of events by the numbers of their arrival."""

from collector.detect.arrivals import Arrivals
from tests.collector.detect.blocks import START, block
from watchbook.event import event_id

STREAMS = ("a" * 32, "b" * 32)


def test_each_number_gives_the_id_of_its_event_in_whatever_order_it_is_asked() -> None:
    event = {"time": START, "actor.type": "user", "actor.id": "a", "action": "read"}
    info = block([event] * 3, number=11, sequence=7, received=START).info
    arrivals = Arrivals(keep_us=0)
    arrivals.note(info._replace(stream=STREAMS[0]))
    arrivals.note(info._replace(stream=STREAMS[1], number=14, sequence=2))
    arrivals.note(info._replace(stream=STREAMS[0], number=20, sequence=8))
    wanted = {
        10: "arrival-10",
        11: event_id(STREAMS[0], 7, 0),
        13: event_id(STREAMS[0], 7, 2),
        14: event_id(STREAMS[1], 2, 0),
        16: event_id(STREAMS[1], 2, 2),
        20: event_id(STREAMS[0], 8, 0),
        22: event_id(STREAMS[0], 8, 2),
    }
    for numbers in (list(wanted), list(reversed(wanted)), [22, 11, 14, 10, 20, 13]):
        assert arrivals.ids_of(numbers) == tuple(wanted[number] for number in numbers)
    assert arrivals.ids_of([]) == ()
