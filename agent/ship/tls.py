"""TLS as a client: the context that the settings ask for, and what expires."""

import importlib
import ssl
from collections.abc import Iterator
from pathlib import Path

from agent.ship.settings import TlsSettings
from watchbook.certificates import (
    FollowedContext,
    TlsFileError,
    expiry_problem,
    load_authorities,
    load_key_pair,
    read_expiries,
)


def followed_context(settings: TlsSettings) -> FollowedContext:
    """Return the context that the settings ask for; nothing is read before it is told to follow."""
    return FollowedContext(lambda: _context(settings), lambda: _files(settings))


def _files(settings: TlsSettings) -> list[Path]:
    files = [settings.ca_file, settings.cert_file, settings.key_file]
    if settings.ca_file is None and (system := ssl.get_default_verify_paths().cafile):
        files.append(Path(system))
    return [path for path in files if path is not None]


def _context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_file is not None:
        load_authorities(context, settings.ca_file)
    else:
        _load_system_authorities(context)
    if settings.cert_file is not None:
        load_key_pair(context, settings.cert_file, settings.key_file)
    return context


def _load_system_authorities(context: ssl.SSLContext) -> None:
    """Trust what the system trusts; on a system without a store, what certifi knows, if that is installed."""
    paths = ssl.get_default_verify_paths()
    if not any((paths.cafile, paths.capath)):  # typed as if they were always there
        try:
            bundle = Path(importlib.import_module("certifi").where())
        except ImportError as error:
            raise TlsFileError(
                "this system has no store of certificate authorities; install ca-certificates, or set "
                "'collector.tls.ca_file'"
            ) from error
        load_authorities(context, bundle)
        return
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)


def expiry_problems(settings: TlsSettings, now: int) -> Iterator[str]:
    """Yield what of the configured files expires soon or has expired; reads them.  Unreadable files are not told of."""
    for option, path in (("cert_file", settings.cert_file), ("ca_file", settings.ca_file)):
        if path is None:
            continue
        try:
            expiries = read_expiries(path)
        except TlsFileError:
            continue  # FollowedContext.error says so
        if not expiries:
            continue
        # A chain ends with its first certificate, a bundle of authorities is of use up to its last.
        expires = min(expiries) if option == "cert_file" else max(expiries)
        problem = expiry_problem(f"'collector.tls.{option}': {path}", expires, now, settings.expiry_warning)
        if problem is not None:
            yield problem
