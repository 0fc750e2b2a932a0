"""Tests of the demo's pieces; the whole of it is in end_to_end/test_demo.py."""
