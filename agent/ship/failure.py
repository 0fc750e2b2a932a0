"""Why a request got no answer, in a sentence that names the next step."""

import ssl
from typing import Final

from agent.ship.http import (
    ConnectFailedError,
    ConnectTimeoutError,
    NoHttpError,
    ProxyRefusedError,
    ProxyUnreachableError,
)
from agent.ship.proxy import shown
from agent.ship.settings import ShipSettings
from watchbook.units import format_duration

#: X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (openssl/x509_vfy.h).
_WRONG_NAME: Final = (62, 64)
_EXPIRED: Final = 10
#: Alerts with which a server refuses the client's certificate, or the lack of one.
_REFUSED_ALERTS: Final = (
    "CERTIFICATE_REQUIRED", "ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_HANDSHAKE_FAILURE",
)  # fmt: skip


class ClosedAtOnceError(OSError):
    """A TLS connection was ended by the other side before anything was asked of it."""


def is_of_tls(error: BaseException) -> bool:
    """Whether TLS failed: newer files may help at once."""
    return isinstance(error, ssl.SSLError) or "SSL" in str(error)


def describe(error: BaseException, settings: ShipSettings, proxy: str | None) -> str:
    """Return why there was no answer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if isinstance(error, ProxyRefusedError):
        hint = "it wants a user and a password; " if error.status == 407 else ""
        return f"the proxy {shown(proxy or '')} answers {error.status} {error.message}; {hint}check 'collector.proxy'"
    if isinstance(error, ProxyUnreachableError):
        return f"the proxy {shown(proxy or '')} cannot be reached: {error}; check 'collector.proxy'"
    if isinstance(error, ClosedAtOnceError):
        step = "check" if settings.tls.cert_file else "set"
        return (
            f"the collector ends TLS connections at once; if it asks for certificates, {step} 'collector.tls.cert_file'"
        )
    if is_of_tls(error):
        return _tls(error, settings)
    if isinstance(error, ConnectTimeoutError):
        return f"no connection within {format_duration(settings.connect_timeout)} ('collector.connect_timeout')"
    if isinstance(error, TimeoutError):
        return f"no answer within {format_duration(settings.answer_timeout)} ('collector.answer_timeout')"
    if isinstance(error, ConnectFailedError):
        return f"no connection to {error}"
    if isinstance(error, NoHttpError):
        return f"{error}; check 'collector.url'"
    return str(error) or type(error).__name__


def _certificate(error: BaseException) -> str:
    code, text = getattr(error, "verify_code", 0), getattr(error, "verify_message", "") or str(error)
    if code in _WRONG_NAME:
        return (
            f"the collector's certificate bears another name: {text}; check 'collector.url', or set 'tls.server_name'"
        )
    if code == _EXPIRED:
        return "the collector's certificate has expired; replace it there"
    return f"the collector's certificate is not trusted: {text}; check 'collector.tls.ca_file'"


def _tls(error: BaseException, settings: ShipSettings) -> str:
    text = str(error)
    if any(alert in text.upper().replace(" ", "_") for alert in _REFUSED_ALERTS):
        if settings.tls.cert_file is None:
            return f"the collector asks for a certificate: set 'collector.tls.cert_file' and 'key_file' ({text})"
        return f"the collector refuses this agent's certificate: check 'collector.tls.cert_file' ({text})"
    return f"TLS failed: {text}; check whether 'collector.url' is http:// or https://"
