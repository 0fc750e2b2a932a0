"""What became of the bytes of a chunk.  Pure."""

from agent.records import Chunk, Normalised
from agent.tail import Account


def account_of(chunk: Chunk, normalised: Normalised) -> Account:
    """Return what became of a chunk's bytes once its lines are normalised."""
    size = chunk.size or sum(map(len, chunk.lines))
    unparsed = dropped = 0
    if normalised.row_lines is not None:  # some line became no row
        unparsed_lines = {line.line for line in normalised.unparsed}
        gone = set(range(len(chunk.lines))) - unparsed_lines - set(normalised.row_lines)
        unparsed = sum(_extent(chunk, line) for line in unparsed_lines)
        dropped = sum(_extent(chunk, line) for line in gone)
    dropped += chunk.passed
    return Account(
        read=size,
        delivered=size - chunk.lost - dropped - unparsed,
        dropped=dropped,
        unparsed=unparsed,
        lost=chunk.lost,
        lines=len(chunk.lines),
        lines_unparsed=len(normalised.unparsed),
        lines_cut=len(chunk.truncated),
        lines_replaced=normalised.replaced,
        nuls=chunk.nuls,
    )


def _extent(chunk: Chunk, place: int) -> int:
    """Return how many bytes of its source a line took, its newline included and what was cut of it not."""
    begin = chunk.offsets[place]
    if begin is None:
        return len(chunk.lines[place])
    following = chunk.offsets[place + 1] if place + 1 < len(chunk.offsets) else chunk.end
    assert following is not None
    cut = chunk.cuts[chunk.truncated.index(place)] if place in chunk.truncated else 0
    return following - begin - cut
