"""The demo: all of Watchbook at work in a throw-away folder, on lines that look like those of three real applications.

It starts a real collector and a real agent as a person would, writes logs, receives the alerts, and in the end compares
what was written with what was stored, line by line.  It knows the two programs by their command line, their
configuration files and the API, and nothing of their insides.
"""
