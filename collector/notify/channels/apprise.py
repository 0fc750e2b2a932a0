"""Everything that Apprise speaks (https://github.com/caronc/apprise).  It is imported when it is first used.

Apprise blocks and says only whether all went well, so it works in a thread, and what it logged meanwhile is the reason.
"""

import asyncio
import io
import logging
from typing import Any, Final

from collector.notify.attempt import AttemptFailedError
from collector.notify.channel_settings import AppriseSettings
from collector.notify.document import Document
from collector.notify.message import plain_text, subject_of
from collector.notify.secret_files import SecretError, read_lines

MISSING: Final = "the Python package 'apprise' is not installed; install it with: pip install 'watchbook[apprise]'"
_KINDS: Final = {"resolved": "success", "acknowledged": "info"}
_REASON_CHARS: Final = 200


class AppriseChannel:
    """The receivers of a file of Apprise addresses."""

    def __init__(self, settings: AppriseSettings) -> None:
        self._settings = settings

    async def send(self, notification: str, document: Document) -> str:  # noqa: ARG002 - most have no place for it
        """Make one attempt; see :class:`collector.notify.attempt.Channel`."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await asyncio.to_thread(self._notify, document)
        except TimeoutError as error:
            raise AttemptFailedError(f"no answer within {self._settings.timeout:g} s") from error

    def _notify(self, document: Document) -> str:
        try:
            import apprise
        except ModuleNotFoundError as error:
            raise AttemptFailedError(MISSING) from error
        try:
            urls = read_lines(self._settings.url_file)
        except SecretError as error:
            raise AttemptFailedError(f"the addresses cannot be used: {error}") from error
        if not urls:
            raise AttemptFailedError("'url_file' holds no address")
        receivers = apprise.Apprise()
        wrong = [number for number, url in enumerate(urls, 1) if not receivers.add(url)]
        if wrong:
            raise AttemptFailedError(f"Apprise does not understand address {', '.join(map(str, wrong))} of 'url_file'")
        return _told(apprise, receivers, document, urls)


def _told(apprise: Any, receivers: Any, document: Document, urls: list[str]) -> str:
    kind = _KINDS.get(document["standing"], "failure" if document["level"] in ("high", "critical") else "warning")
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:
        right = receivers.notify(
            title=subject_of(document), body=plain_text(document), notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
        )  # fmt: skip
        said = captured.getvalue() if isinstance(captured, io.StringIO) else ""
    if not right:
        raise AttemptFailedError(_without_secrets(said, urls) or "Apprise could not tell all of its receivers")
    return f"told {len(urls)} receiver{'' if len(urls) == 1 else 's'}"


def _without_secrets(said: str, urls: list[str]) -> str:
    """Return what Apprise said on one line, without anything that stands in an address after its host."""
    text = " ".join(said.split())
    for url in urls:
        _, _, rest = url.partition("://")
        for part in sorted({*rest.replace("?", "/").replace("@", "/").replace(":", "/").split("/")}, key=len):
            if len(part) > 7:
                text = text.replace(part, "…")
    return text[:_REASON_CHARS]
