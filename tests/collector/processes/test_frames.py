"""Frames: what goes in comes out, and nothing is read before its size is known to be allowed."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.processes.frames import HEAD_BYTES_MAX, Frame, FrameError, decode_head, encode_frame, frame_sizes
from collector.processes.parent import Parent

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.lists(st.integers(0, 9))


@given(st.dictionaries(st.text(), VALUES), st.binary(max_size=5000))
def test_a_frame_comes_out_as_it_went_in(head: dict[str, object], body: bytes) -> None:
    data = b"".join(encode_frame(head, body, body_bytes_max=5000))
    head_bytes, body_bytes = frame_sizes(data[:8], 5000)
    assert decode_head(data[8 : 8 + head_bytes]) == head
    assert data[8 + head_bytes :] == body
    assert len(data) == 8 + head_bytes + body_bytes


def test_a_body_over_the_limit_is_refused_by_both_sides() -> None:
    with pytest.raises(FrameError, match="frame_bytes_max"):
        encode_frame({}, b"123456", body_bytes_max=5)
    with pytest.raises(FrameError, match="frame_bytes_max"):
        frame_sizes(struct.pack("<II", 1, 6), 5)
    with pytest.raises(FrameError, match="head"):
        frame_sizes(struct.pack("<II", HEAD_BYTES_MAX + 1, 0), 5)
    with pytest.raises(FrameError):
        decode_head(b"\xc1")


def test_a_child_reads_whole_frames_and_takes_a_broken_pipe_for_the_end() -> None:
    incoming, pipe = os.pipe()
    frames = (("a", b"1"), ("b", b""))
    pieces = [b"".join(encode_frame({"kind": kind}, body, body_bytes_max=100)) for kind, body in frames]
    os.write(pipe, b"".join(pieces) + pieces[0][:-1])
    os.close(pipe)
    parent = Parent(incoming, os.open(os.devnull, os.O_WRONLY))
    parent.listen()
    assert [parent.next_frame(5), parent.next_frame(5), parent.next_frame(5), parent.next_frame(5)] == [
        Frame({"kind": "a"}, b"1"), Frame({"kind": "b"}), None, None,
    ]  # fmt: skip
    assert parent.stopping.is_set()
