"""Tests of the child processes, with real ones."""
