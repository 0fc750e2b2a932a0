"""Says how a query was understood, and how much of it the indexes can decide."""

from collector.block import SegmentInfo
from collector.query.canonical import canonical
from collector.query.documents import Document
from collector.query.parts import Part
from collector.query.plan import document
from collector.query.reading import Question, Reader
from collector.query.sure import count
from watchbook.clock import format_rfc3339


def explain(reader: Reader, question: Question) -> Document:
    """Return ``{query, plan, range, segments: [{name, tier, rows, …}]}``, the segment with the newest events first.

    ``indexed_rows``: rows that an index knows; ``tail_rows``: rows within the range that must be decoded to be found;
    ``chunks``: pieces of the index that were asked; ``sure``: events that match for certain by the index alone;
    ``perhaps``: further ones that must be decoded to be told; ``complete`` False: time was up.  Raises MovedError.
    """
    return {
        "query": canonical(question.plan),
        "plan": document(question.plan),
        "range": question.time_range.document(),
        "segments": [_segment(reader, segment, question) for segment in reader.segments(question)],
    }


def _segment(reader: Reader, segment: SegmentInfo, question: Question) -> Document:
    view = reader.view(segment)
    indexed = view.rows if view is not None else 0
    found: Document = {
        "name": segment.name,
        "tier": segment.tier,
        "from": format_rfc3339(segment.tmin),
        "to": format_rfc3339(segment.tmax),
        "rows": segment.rows,
        "indexed_rows": indexed,
        "tail_rows": sum(info.n for info in reader.tail(segment, indexed, question)),
        "chunks": 0,
        "sure": 0,
        "perhaps": 0,
        "complete": True,
    }
    if view is not None:
        part = Part(reader, segment, view, question)
        for chunk in part.chunks:
            if reader.budget.timed_out():
                found["complete"] = False
                break
            pair = part.pair(chunk)
            sure = count(pair.lower, chunk.n)
            found["chunks"] += 1
            found["sure"] += sure
            found["perhaps"] += count(pair.upper, chunk.n) - sure
    return found
