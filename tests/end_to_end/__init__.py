"""Tests with real processes: what a person would start, read and stop."""
