"""Slack's incoming webhooks (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), in blocks.

``&``, ``<`` and ``>`` are escaped everywhere (they would make links and mentions: ``<!channel>``), and evidence stands
in code blocks, whose end it cannot write.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import aiohttp
import orjson

from collector.notify.attempt import AttemptFailedError, Http
from collector.notify.channel_settings import SlackSettings, is_url
from collector.notify.document import Document
from collector.notify.message import Section, sections_of, subject_of
from collector.notify.secret_files import SecretError, read_secret
from watchbook.clock import Clock

#: Slack's own limits (https://docs.slack.dev/reference/block-kit/blocks).
_BLOCKS_MAX: Final = 50
_TEXT_CHARS: Final = 3000
_HEADER_CHARS: Final = 150


class SlackChannel:
    """A channel in a Slack workspace.  ``session`` belongs to the caller."""

    def __init__(self, settings: SlackSettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = Http(session, settings.timeout, secret_url=True)
        self._clock = clock

    async def send(self, notification: str, document: Document) -> str:  # noqa: ARG002 - Slack has no place for it
        """Make one attempt; see :class:`collector.notify.attempt.Channel`."""
        try:
            url = await asyncio.to_thread(read_secret, self._settings.url_file)
        except SecretError as error:
            raise AttemptFailedError(f"the address cannot be used: {error}") from error
        if is_url(url):
            raise AttemptFailedError("'url_file' holds no address that can be posted to")
        return await self._http.post(url, orjson.dumps(slack_message(document)), {}, self._clock())


def slack_message(document: Document) -> dict[str, Any]:
    """Return a message in blocks; ``text`` is what a telephone shows."""
    subject = subject_of(document)
    blocks: list[dict[str, Any]] = [
        # A header is plain text: nothing in it is a link or a mention.
        {"type": "header", "text": {"type": "plain_text", "text": _cut(subject, _HEADER_CHARS), "emoji": False}}
    ]
    blocks += [_section(text) for section in sections_of(document) for text in _texts(section)]
    return {"text": _cut(escaped(subject), _TEXT_CHARS), "blocks": blocks[:_BLOCKS_MAX]}


def escaped(text: str) -> str:
    """Return a text in which nothing is special to Slack but the marks of bold, italics and code."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _texts(section: Section) -> Iterator[str]:
    heading = f"*{escaped(section.heading)}*\n" if section.heading else ""
    if section.pairs:
        rows = (f"*{escaped(label)}* {_value(value)}" if label else _value(value) for label, value in section.pairs)
        yield _cut(heading + "\n".join(rows), _TEXT_CHARS)
        heading = ""
    if section.lines:
        # A zero-width space within three backticks: they would end the block.
        code = escaped("\n".join(section.lines)).replace("```", "`\u200b`\u200b`")
        yield f"{heading}```{_cut(code, _TEXT_CHARS - len(heading) - 6)}```"


def _value(value: str) -> str:
    # Outside of code blocks an underscore or asterisk would change how the text looks, not what it does.
    return escaped(value).replace("`", "'")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: chars - 1]}…"
