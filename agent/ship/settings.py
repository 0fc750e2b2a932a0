"""Settings of shipping."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from watchbook.configfile import Node, Problem, positive, setting
from watchbook.units import Seconds

#: Instead of a proxy's address: what the environment says (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
ENVIRONMENT: Final = "environment"


def _http_url(url: str) -> str | None:
    if not url.startswith(("http://", "https://")):
        return "a URL that begins with http:// or https://"
    parts = _split(url)
    if parts is None or parts.query or parts.fragment:
        return "a URL such as https://collector.example:8420"
    return "a URL without a user and a password; a token goes into 'token_file'" if "@" in parts.netloc else None


def _proxy(proxy: str) -> str | None:
    parts = _split(proxy)
    is_right = parts is not None and parts.scheme == "http" and not parts.path.strip("/")
    return None if proxy == ENVIRONMENT or is_right else "http://[USER:PASSWORD@]HOST:PORT, or environment"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


@dataclass(frozen=True)
class TlsSettings:
    """TLS towards the collectors."""

    ca_file: Path | None = setting(
        "PEM file of the authorities that the collectors' certificates are verified with; without it the system's.",
        None,
    )
    cert_file: Path | None = setting("PEM file of this agent's own certificate, where collectors ask for one.", None)
    key_file: Path | None = setting("PEM file of its key; without it the key stands in 'cert_file'.", None)
    server_name: str | None = setting(
        "Name that the collectors' certificates must bear, where it is not the one in their address.", None
    )
    verify: bool = setting(
        "Whether the collectors' certificates are verified; if not, anyone in between can read and take events.", True
    )
    reload_interval: Seconds = setting(
        "How often the files are looked at for changes; after a failure of TLS at once.", Seconds(60.0), check=positive
    )
    expiry_warning: Seconds = setting(
        "How long before the end of a certificate 'check' and 'status' call it a problem.",
        Seconds(14 * 86_400.0),
        check=positive,
    )


@dataclass(frozen=True)
class ShipSettings:
    """Where batches go, and how stubbornly."""

    url: str | None = setting(
        "Address of the collector, for instance https://collector.example:8420. It or 'urls' is needed.",
        None,
        check=_http_url,
    )
    urls: tuple[str, ...] = setting(
        "Addresses of several collectors, of which one is used at a time: the first that works. In place of 'url'.", ()
    )
    token_file: Path | None = setting(
        "File that holds this agent's token; read again when it is refused. It, 'token_files' or 'token' is needed.",
        None,
    )
    token_files: tuple[Path, ...] = setting(
        "Files of the tokens for each of 'urls', in their order, where the collectors take different ones.", ()
    )
    token: str | None = setting("The token itself, where a file is not wanted.", None)
    tls: TlsSettings = setting("TLS, for addresses that begin with https://.", default_factory=TlsSettings)
    proxy: str | None = setting(
        "HTTP proxy on the way, http://[USER:PASSWORD@]HOST:PORT; 'environment': as HTTPS_PROXY and the like say.",
        None,
        check=_proxy,
    )
    connect_timeout: Seconds = setting("How long a connection may take.", Seconds(10.0), check=positive)
    answer_timeout: Seconds = setting("How long the collector may take to answer.", Seconds(60.0), check=positive)
    retry_min: Seconds = setting("First wait after a failure; it doubles, with jitter.", Seconds(0.1), check=positive)
    retry_max: Seconds = setting("Longest wait between tries.", Seconds(30.0), check=positive)
    refused_wait: Seconds = setting("Wait between tries while the token is refused.", Seconds(10.0), check=positive)
    failover_after: Seconds = setting(
        "How long one of several collectors must have failed before the next is used.", Seconds(30.0), check=positive
    )
    return_interval: Seconds = setting(
        "How often the first collector is asked whether it is back while another is used.",
        Seconds(60.0),
        check=positive,
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        """The collectors, the preferred one first, without a slash at the end."""
        given = self.urls if self.url is None else (self.url,)
        return tuple(url.rstrip("/") for url in given)


def ship_problems(settings: ShipSettings, node: Node) -> Iterator[Problem]:
    """Yield what is wrong between the options of ``collector``."""
    options = node.mapping()
    yield from _url_problems(settings, node, options)
    ways = [name for name in ("token_file", "token_files", "token") if name in options]
    if not (settings.token_file or settings.token_files or settings.token):
        yield node.problem("expected 'token_file' or 'token'; make one: watchbook collector token create")
    elif settings.token_files and len(ways) > 1:
        yield options["token_files"].problem(f"stands beside '{ways[0 if ways[0] != 'token_files' else 1]}'; keep one")
    elif settings.token_files and len(settings.token_files) != len(settings.addresses):
        found, wanted = len(settings.token_files), len(settings.addresses)
        yield options["token_files"].problem(f"expected a file for each of the {wanted} addresses, found {found}")
    if "tls" in options and settings.tls.key_file is not None and settings.tls.cert_file is None:
        yield options["tls"].mapping()["key_file"].problem("stands without 'cert_file'; add the certificate of the key")


def _url_problems(settings: ShipSettings, node: Node, options: Mapping[str, Node]) -> Iterator[Problem]:
    if settings.url is not None and settings.urls:
        yield options["urls"].problem("stands beside 'url'; keep one of them")
    if settings.url is None and not settings.urls:
        yield node.problem("expected 'url' or 'urls', found none; add the address of the collector")
    if settings.urls:
        for url, where in zip(settings.urls, options["urls"].sequence(), strict=True):
            if expected := _http_url(url):
                yield where.problem(f"expected {expected}, found {url!r}")
            elif list(settings.addresses).count(url.rstrip("/")) > 1:
                yield where.problem(f"{url!r} is there twice; give each collector once")
