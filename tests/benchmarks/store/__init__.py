"""``make bench-store``: what storing, indexing, keeping and asking cost, measured on real processes."""
