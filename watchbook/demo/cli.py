"""``watchbook demo``."""

import socket
import sys
import tempfile
from pathlib import Path
from typing import Final

import click

from watchbook.daemon import run_daemon
from watchbook.demo.app import Demo, Options
from watchbook.demo.show import Board
from watchbook.demo.stage import Stage
from watchbook.logs import configure_logs
from watchbook.units import Seconds

#: After a Ctrl-C: for storing the rest, the reckoning, and the drain of both programs.
DRAIN_S: Final = Seconds(600.0)
DEFAULT_PORT: Final = 8420


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), help="End after that long; default: at Ctrl-C.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the collector; default: 8420, or any free one.")
@click.option("--rate", type=click.FloatRange(1, 20_000), default=200, show_default=True, help="Lines a second in all.")
@click.option("--keep", is_flag=True, help="Keep the folder with the logs, the configurations and the data.")
def demo(seconds: float | None, port: int | None, rate: float, keep: bool) -> None:
    """See all of Watchbook at work in a throw-away folder.

    Starts a collector and an agent, writes the logs of three applications, shows the alerts as they arrive, and at
    the end compares what was written with what was stored. Exits with 0 only when nothing was lost or doubled, every
    shipped rule raised an alert, and both programs ended well.
    """
    configure_logs("warning")
    stage = Stage(Path(tempfile.mkdtemp(prefix="watchbook-demo-")), port or _free_port())
    play = Demo(stage, Options(seconds, rate, keep), Board())
    try:
        code = run_daemon(play.run, DRAIN_S)
    finally:
        play.clean_up()
    sys.exit(code or (0 if play.succeeded else 1))


def _free_port() -> int:
    for port in (DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise click.ClickException("no free port on 127.0.0.1; give one with --port")
