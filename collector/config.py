"""The collector's configuration: composes what each room asks for, and checks what only the whole can tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from collector.access import AccessSettings
from collector.agents import AgentsSettings
from collector.alert import AlertSettings
from collector.archive import ArchiveSettings
from collector.destinations import CheckpointSettings, destination_problems
from collector.detect import DetectSettings
from collector.filters import FilterSettings
from collector.index import IndexSettings
from collector.lifecycle import LifecycleSettings
from collector.notify import NotifySettings, notify_problems, present_form
from collector.processes import ProcessSettings
from collector.query import QuerySettings
from collector.receive import ReceiveSettings
from collector.store import StoreSettings
from collector.web import WebSettings
from watchbook.configfile import ConfigError, Node, Problem, bind, load, positive, setting
from watchbook.shipped import shipped_folder
from watchbook.units import Seconds

DEFAULT_PATH = Path("/etc/watchbook/collector.yaml")
#: In ``rules`` what stands for the rules that come with Watchbook.
SHIPPED: Final = Path("shipped")
#: Whatever 'receive.batch_bytes_max' says today, what was taken under a larger limit stays readable.
STORED_BATCH_BYTES_MAX = 1 << 30


def split_address(listen: str) -> tuple[str, int]:
    """Return host and port of ``127.0.0.1:8420`` or ``[::1]:8420``; raises ValueError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isdecimal() and port.isascii() and int(port) <= 65535):
        raise ValueError(f"{listen!r} is no address and port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _address(listen: str) -> str | None:
    try:
        split_address(listen)
    except ValueError:
        return "an address and a port, for instance 127.0.0.1:8420 or [::1]:8420"
    return None


@dataclass(frozen=True)
class CollectorSettings:
    """The file collector.yaml."""

    data: Path = setting("Folder for everything that is stored.")
    listen: str = setting(
        "Address and port to listen on; 127.0.0.1 is reached from this host only.", "127.0.0.1:8420", check=_address
    )
    rules: tuple[Path, ...] = setting(
        "Rule files, or folders of them; the word `shipped` stands for those that come with Watchbook.", (SHIPPED,)
    )
    catalogues: Path | None = setting(
        "Folder of your own catalogues; one with the name of a shipped one stands in its place.", None
    )
    notify: NotifySettings = setting("Who is told about alerts.", default_factory=NotifySettings)
    log_level: Literal["debug", "info", "warning", "error"] = setting("What the collector's own log shows.", "info")
    drain_timeout: Seconds = setting("How long a stop may take.", Seconds(20.0), check=positive)
    receive: ReceiveSettings = setting("Limits of what senders may send.", default_factory=ReceiveSettings)
    store: StoreSettings = setting("Limits of the block store.", default_factory=StoreSettings)
    index: IndexSettings = setting("How events are indexed.", default_factory=IndexSettings)
    archive: ArchiveSettings = setting("Old segments as Parquet.", default_factory=ArchiveSettings)
    retention: LifecycleSettings = setting("How long events are kept.", default_factory=LifecycleSettings)
    checkpoints: CheckpointSettings = setting(
        "Where signed checkpoints of the log are sent.", default_factory=CheckpointSettings
    )
    detect: DetectSettings = setting("Limits of the rules.", default_factory=DetectSettings)
    alert: AlertSettings = setting("Alerts, silences and exceptions.", default_factory=AlertSettings)
    query: QuerySettings = setting("Limits of queries.", default_factory=QuerySettings)
    processes: ProcessSettings = setting("The processes of the collector.", default_factory=ProcessSettings)
    filters: FilterSettings = setting("Limits of saved filters.", default_factory=FilterSettings)
    web: WebSettings = setting("The HTTP face.", default_factory=WebSettings)
    access: AccessSettings = setting("Tokens.", default_factory=AccessSettings)
    agents: AgentsSettings = setting("The registry of agents.", default_factory=AgentsSettings)

    @property
    def segments(self) -> Path:
        """Folder of the segments."""
        return self.data / "segments"

    @property
    def state_db(self) -> Path:
        """The file of tokens, alerts and the outbox."""
        return self.data / "state.db"

    @property
    def rules_cache(self) -> Path:
        """The file of compiled rules; it may be removed at any time."""
        return self.data / "rules.cache"

    @property
    def rule_paths(self) -> tuple[Path, ...]:
        """The files and folders of the rules."""
        return tuple(shipped_folder("rules") if path == SHIPPED else path for path in self.rules)

    @property
    def rollups_db(self) -> Path:
        """The file of the counts that outlive the events."""
        return self.data / "rollups.db"

    @property
    def retention_db(self) -> Path:
        """The file of holds, purges and what is to be told of deletions."""
        return self.data / "retention.db"

    @property
    def destinations_file(self) -> Path:
        """The file that says which checkpoint was sent where."""
        return self.data / "destinations.json"

    @property
    def checkpoint_key(self) -> Path:
        """The file of the private key that checkpoints are signed with."""
        return self.data / "checkpoint.key"


def load_settings(path: Path) -> CollectorSettings:
    """Return the settings of a file; raises ConfigError with all that is wrong."""
    node = present_form(load(path))
    settings = bind(node, CollectorSettings)
    problems = list(_problems(node, settings))
    if problems:
        raise ConfigError(problems)
    return settings


def encode_settings(settings: CollectorSettings) -> bytes:
    """Return the settings as bytes for :func:`decode_settings`: what a child process is given."""
    return msgspec.json.encode(settings, enc_hook=str)


def decode_settings(data: bytes) -> CollectorSettings:
    """Return the settings that were encoded."""
    return msgspec.json.decode(data, type=CollectorSettings, dec_hook=_path)


def _path(kind: type, value: Any) -> Path:
    if kind is not Path:
        raise NotImplementedError(f"settings of the type {kind} cannot be handed to a process")
    return Path(value)


def _problems(node: Node, settings: CollectorSettings) -> Iterator[Problem]:
    options = node.mapping()
    if "notify" in options and not options["notify"].is_null:
        yield from notify_problems(settings.notify, options["notify"])
    if "checkpoints" in options and "send" in options["checkpoints"].mapping():
        yield from destination_problems(settings.checkpoints.send, options["checkpoints"].mapping()["send"])
    if not settings.data.is_absolute():
        yield options["data"].problem(f"expected an absolute path, found {str(settings.data)!r}")
