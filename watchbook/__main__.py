"""``python -m watchbook``: the same as the ``watchbook`` command."""

from watchbook.cli import main

if __name__ == "__main__":
    main()
