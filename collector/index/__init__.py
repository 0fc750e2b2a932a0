"""The index of each segment: columns of codes and numbers, and dictionaries of what the codes mean.

It is derived from the blocks and can be made again from them at any time; nothing here is ever the truth.  One process
writes (:class:`Indexer`, :func:`build_sealed_index`), any number read (:class:`IndexReader`).
"""

from collector.index.build import build_sealed_index
from collector.index.growing import IndexCounters
from collector.index.indexer import Indexer
from collector.index.reader import IndexReader
from collector.index.reindexing import reindex
from collector.index.settings import IndexSettings

__all__ = ["IndexCounters", "IndexReader", "IndexSettings", "Indexer", "build_sealed_index", "reindex"]
