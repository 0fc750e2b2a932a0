"""How JSON leaves: with an entity tag, 304 when the client has it already, compressed when the client takes that.

The tag is weak: it names the content, whatever its coding.  Answers stay ``no-store``, so that no cache keeps a log on
its disk; a client that polls keeps the tag and the answer itself and sends ``If-None-Match``.
"""

import asyncio
from hashlib import sha256
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collector.web.coding import accepted_coding, compressed

JSON: Final = "application/json"
_COMPRESSIBLE: Final = frozenset({JSON, "application/problem+json", "text/plain"})
#: A larger body is compressed in a worker thread, so that the event loop goes on.
_ASIDE_FROM_BYTES: Final = 64 << 10


def json_response(document: Any, *, status: int = 200, etag: str | None = None) -> web.Response:
    """Return a document as an answer; ``msgspec.Raw`` within it goes out as it is."""
    response = web.Response(status=status, body=msgspec.json.encode(document), content_type=JSON)
    if etag is not None:
        response.headers["ETag"] = etag
    return response


def passed_on(body: bytes) -> web.Response:
    """Return JSON as an answer, untouched."""
    return web.Response(body=body, content_type=JSON)


def representing(compress_from_bytes: int) -> Middleware:
    """Return a middleware that tags and compresses the answers of handlers that give their whole body at once."""

    @web.middleware
    async def represent(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        if request.method in ("GET", "HEAD") and response.status == 200 and response.content_type == JSON:
            response.headers.setdefault("ETag", f'W/"{sha256(response.body).hexdigest()[:24]}"')
            if _is_known(request, response.headers["ETag"]):
                return _not_modified(response)
        if response.content_type in _COMPRESSIBLE and len(response.body) >= compress_from_bytes:
            await _compress(request, response, response.body)
        return response

    return represent


def _is_known(request: web.Request, etag: str) -> bool:
    opaque = etag.removeprefix("W/").strip('"')
    return any(known.value in ("*", opaque) for known in request.if_none_match or ())


def _not_modified(response: web.Response) -> web.Response:
    return web.Response(status=304, headers={"ETag": response.headers["ETag"], "Vary": "Accept-Encoding"})


async def _compress(request: web.Request, response: web.Response, body: bytes) -> None:
    response.headers["Vary"] = "Accept-Encoding"
    coding = accepted_coding(request.headers.get("Accept-Encoding", ""))
    if coding is None:
        return
    aside = len(body) >= _ASIDE_FROM_BYTES
    response.body = await asyncio.to_thread(compressed, body, coding) if aside else compressed(body, coding)
    response.headers["Content-Encoding"] = coding
