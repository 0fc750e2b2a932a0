"""Asks the collector, and says in a sentence what went wrong and what to check next."""

import http.client
import ipaddress
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

import click
import msgspec

from watchbook.operator.cells import visible_lines

TIMEOUT_S: Final = 60.0
_ERROR_BYTES_MAX: Final = 1 << 20

_PIECE_BYTES: Final = 1 << 20

#: What reading from a lost connection raises.
_LOST: Final = (urllib.error.URLError, http.client.HTTPException, OSError)

Parameters = Sequence[tuple[str, str]]


class OperatorError(click.ClickException):
    """A word that cannot be carried out."""

    def show(self, file: Any = None) -> None:
        """Write the message to standard error."""
        click.echo(f"watchbook: {visible_lines(self.format_message())}", err=True, file=file)


class MistakeError(OperatorError):
    """A mistake in what was typed."""

    exit_code = 2


class UnreachableError(OperatorError):
    """The collector cannot be reached, or not at the moment: trying again may help."""


class ProblemError(OperatorError):
    """The collector answered with a problem (RFC 9457)."""

    def __init__(self, message: str, document: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.document = document


class MisunderstoodError(ProblemError, MistakeError):
    """The collector did not understand what was typed."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could carry the token to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


class _CutShortError(OSError):
    """An answer ended before its end."""


class Answer:
    """An answer that is read piece by piece.  Every failure, also an answer cut short, raises UnreachableError."""

    def __init__(self, response: Any, said: Callable[[Exception], str]) -> None:
        self._response = response
        self._said = said
        self.headers: Mapping[str, str] = response.headers
        length = response.headers.get("Content-Length")
        self._left = None if length is None else int(length)

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def read(self) -> bytes:
        """Return all of it."""
        return b"".join(self.pieces(_PIECE_BYTES))

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield pieces of up to ``size`` bytes to the end."""
        while piece := self._guarded(lambda: self._response.read(size)):
            self._note(piece)
            yield piece
        self._note_end()

    def lines(self) -> Iterator[bytes]:
        """Yield lines as they come, with their ends, to the end."""
        while line := self._guarded(self._response.readline):
            yield line

    def _note(self, piece: bytes) -> None:
        if self._left is not None:
            self._left -= len(piece)

    def _note_end(self) -> None:
        # http.client notices a chunked body without its end, but not a missing rest of Content-Length.
        if self._left:
            error = _CutShortError()
            raise UnreachableError(self._said(error)) from error

    def _guarded(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except http.client.IncompleteRead as error:
            raise UnreachableError(self._said(_CutShortError())) from error
        except ConnectionResetError as error:
            raise UnreachableError(self._said(_CutShortError())) from error
        except _LOST as error:
            raise UnreachableError(self._said(error)) from error


class Collector:
    """The collector at an address, asked with a token."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MistakeError(f"'--url': expected http://HOST:PORT or https://HOST:PORT, found {url!r}")
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise MistakeError("the token holds characters that no token has; give it as it was created")
        self._token = token
        # A proxy from the environment is for the world outside: it could not reach this host's own loopback.
        proxies = [urllib.request.ProxyHandler({})] if _is_loopback(parts.hostname) else []
        self._opener = urllib.request.build_opener(_NoRedirects, *proxies)

    def get(self, path: str, parameters: Parameters = ()) -> bytes:
        """Return the body of an answer; raises UnreachableError and ProblemError."""
        with self.opened(path, parameters) as answer:
            return answer.read()

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body of the answer to a request that changes something; raises as :meth:`get`."""
        with self._answer(method, path, (), body, headers or {}, TIMEOUT_S) as answer:
            return answer.read()

    def streamed(self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> "Answer":
        """Return the answer to a request with a body, to be read piece by piece and closed; see :meth:`opened`."""
        return self._answer(method, path, (), body, headers, timeout_s)

    def opened(
        self,
        path: str,
        parameters: Parameters = (),
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> "Answer":
        """Return an answer to be read piece by piece and closed; ``timeout_s`` bounds the wait for each piece."""
        return self._answer("GET", path, parameters, None, headers or {}, timeout_s)

    def _answer(
        self,
        method: str,
        path: str,
        parameters: Parameters,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> "Answer":
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            f"{self.url}{path}{query}", data=body, headers={**self._headers(), **headers}, method=method
        )
        try:
            return Answer(self._opener.open(request, timeout=timeout_s), self._unreachable)
        except urllib.error.HTTPError as error:
            self._refused(error)
        except _LOST as error:
            raise UnreachableError(self._unreachable(error)) from error

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "watchbook"}
        return headers if self._token is None else {**headers, "Authorization": f"Bearer {self._token}"}

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        with error:
            body = error.read(_ERROR_BYTES_MAX)
        try:
            document = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            document = {}
        detail = str(document.get("detail") or f"{error.code} {error.reason}")
        message = f"{detail}{self._next_step(error.code, known=bool(document))}"
        if error.code in (429, 502, 503, 504):
            raise UnreachableError(message) from error
        kind = MisunderstoodError if error.code == http.client.BAD_REQUEST else ProblemError
        raise kind(message, document) from error

    def _next_step(self, status: int, *, known: bool) -> str:
        if not known:
            return f"; {self.url} answered, but not as a Watchbook collector does: check '--url'"
        if status == http.client.UNAUTHORIZED:
            return "\ngive the token with --token-file FILE or the environment variable WATCHBOOK_TOKEN"
        return ""

    def _unreachable(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        place = f"cannot reach the collector at {self.url}"
        if isinstance(reason, ConnectionRefusedError):
            return (
                f"{place}: nothing listens there; start it with 'watchbook collector run', or name another place "
                "with --url or WATCHBOOK_URL"
            )
        if isinstance(reason, ssl.SSLError):
            return f"{place}: {reason.reason or reason}; check whether it is http:// or https://, and its certificate"
        if isinstance(reason, socket.gaierror):
            return f"{place}: the host's name is not known; check --url or WATCHBOOK_URL"
        if isinstance(reason, TimeoutError):
            return f"{place}: no answer within {TIMEOUT_S:g} s; look at {self.url}/readyz"
        if isinstance(reason, http.client.HTTPException):
            return f"{place}: what answers there does not speak HTTP; check --url or WATCHBOOK_URL"
        if isinstance(reason, _CutShortError):
            return f"{place}: its answer was broken off before its end; try again, the collector's log says why"
        return f"{place}: {reason}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
