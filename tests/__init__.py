"""Tests mirror the rooms; ``end_to_end`` and ``faults`` start real processes, ``benchmarks`` measures."""
