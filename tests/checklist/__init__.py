"""The acceptance checklist: what the documents of five systems ask of an activity log, in numbered rows.

A test names its rows with ``@pytest.mark.row(number, …)``.  Rows of the query API and the store have theirs in
``tests/end_to_end/seed_rows``, where a docstring names them; :mod:`tests.checklist.test_complete` counts both.
"""
