"""The agent: tails files, normalises lines to events, spools batches and ships them.

Rooms never import each other; ``app`` joins them.  What all of them speak of stands in ``records`` and ``watchbook``.
"""
