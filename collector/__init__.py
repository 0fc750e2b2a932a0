"""The collector: receives batches, stores them, evaluates rules, alerts, answers queries.

Rooms never import each other; ``app`` joins them.  What all of them speak of stands in ``block`` and ``watchbook``.
"""
