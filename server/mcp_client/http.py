"""The transport to a server with an address: streamable HTTP by the package, over a bounded HTTP client.

Follows no redirect to another address, uses no proxy for this machine, and reads no compressed answer, whose size could
not be known. Start at `open_http`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING, Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from models.remote.http import LIBRARIES, is_local
from server.mcp_client.bounds import MESSAGE_BYTES, MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from server.mcp_client.bounds import ReceiveLimits

CONNECT_S = 10.0
READ_S = 600.0


@contextlib.asynccontextmanager
async def open_http(url: str, headers: Mapping[str, str], limits: ReceiveLimits) -> AsyncIterator[Any]:
    """Yield the streams of messages to and from the server at `url`.

    Args:
        url: the address.
        headers: sent with each request; may hold a key.
        limits: bounds what the server sends, and gets the status of a refused request.
    """
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    async with (
        httpx2.AsyncClient(
            headers={**headers, "accept-encoding": "identity"},
            timeout=timeout,
            follow_redirects=False,
            trust_env=not is_local(url),
            event_hooks={"response": [functools.partial(_limit_response, limits)]},
        ) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=MESSAGE_BYTES) as streams,
    ):
        yield streams


async def _limit_response(limits: ReceiveLimits, response: httpx2.Response) -> None:
    """Limit the body of a response to `MOST_BYTES`, and store its status if a POST request was refused.

    Raises:
        httpx2.DecodingError: the answer is compressed.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        limits.record_failure("it sends compressed answers although none is asked for")
        raise httpx2.DecodingError("compressed", request=response.request)
    if response.status_code >= 400 and response.request.method == "POST":
        limits.status = response.status_code
    response.stream = _BoundedStream(response.stream, limits)


class _BoundedStream(httpx2.AsyncByteStream):
    """The body of an answer, up to `MOST_BYTES`."""

    def __init__(self, inner: Any, limits: ReceiveLimits) -> None:  # noqa: ANN401 (a stream of the library)
        self._inner = inner
        self._limits = limits

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces of the body; raise ReadError beyond `MOST_BYTES`."""
        count = 0
        async for piece in self._inner:
            count += len(piece)
            if count > MOST_BYTES:
                self._limits.record_failure("it sends without end")
                raise httpx2.ReadError("too large")
            yield piece

    async def aclose(self) -> None:
        """Close the response."""
        await self._inner.aclose()
