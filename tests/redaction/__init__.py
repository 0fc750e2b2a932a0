"""``python -m tests.redaction``: planted secrets through real processes, and clean lines through the redactor."""
