"""Receiving syslog."""
