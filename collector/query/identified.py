"""One event by its id."""

import msgspec

from collector.block import DecodedBlock
from collector.query.reading import MovedError, Reader, Shelf
from collector.query.render import render
from watchbook.wire import WireError


def event_of(shelf: Shelf, reader: Reader, stream: str, sequence: int, index: int) -> msgspec.Raw | None:
    """Return an event as JSON, None when there is none with this identity; raises MovedError."""
    generations = {segment.name: segment.generation for segment in shelf.source.segments()}
    for info in shelf.source.find(stream, sequence):
        reader.budget.spend(info.n)
        try:
            block = shelf.blocks.read(info, generations.get(info.segment, ""))
        except KeyError as error:
            raise MovedError(info.segment) from error
        except WireError:
            continue
        place = _place(block, stream, sequence, index)
        if place is not None:
            return msgspec.Raw(render(block, [place])[0])
    return _archived(reader, shelf, stream, sequence, index)


def _archived(reader: Reader, shelf: Shelf, stream: str, sequence: int, index: int) -> msgspec.Raw | None:
    archive = reader.archive
    for segment in shelf.source.segments():
        if segment.tier == "archived" and archive is not None:
            try:
                block = archive.find(segment.path, stream, sequence)
            except KeyError as error:
                raise MovedError(segment.name) from error
            place = None if block is None else _place(block, stream, sequence, index)
            if block is not None and place is not None:
                return msgspec.Raw(render(block, [place])[0])
    return None


def _place(block: DecodedBlock, stream: str, sequence: int, index: int) -> int | None:
    """Return where in a block an event lies."""
    if block.identities is None:
        return index if index < block.batch.n else None
    wanted = (stream, sequence, index)
    return next((place for place, found in enumerate(block.identities) if found[:3] == wanted), None)
