"""Options that words of both programs have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def config_only_option() -> Callable[[Any], Any]:
    """Return the option ``--config-only`` of ``check``: what a unit asks before it has a program reload."""
    return click.option(
        "--config-only", is_flag=True, help="Only read the configuration and what it is made of; look at nothing else."
    )


def config_option(program: str, default: Path) -> Callable[[Any], Any]:
    """Return the option ``--config`` of a program's words; it may also be given in the environment."""
    return click.option(
        "--config",
        "path",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        envvar=f"WATCHBOOK_{program.upper()}_CONFIG",
        help=f"The {program}'s configuration file.",
    )
