"""HTTP responses whose computation stops when the client disconnects.

Errors have OpenAI's form, with one sentence for a person. Knows no model. Start at `EventStream` and `run_until_gone`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

Result = TypeVar("Result")

MOST_BODY_BYTES = 16 << 20
BUSY_RETRY_S = 1


class ClientGoneError(Exception):
    """The client disconnected."""


class HttpRequestError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        kind: code for programs.
    """

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def make_error_response(message: str, status: int, kind: str) -> Response:
    """Return an error response in OpenAI's form; with status 503 it demands a wait of `BUSY_RETRY_S` before a retry."""
    headers = {"retry-after": str(BUSY_RETRY_S)} if status == 503 else None
    return JSONResponse({"error": {"message": message, "type": kind, "code": kind}}, status, headers)


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of `request`.

    Raises:
        HttpRequestError: the body is no JSON object, or too large.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise HttpRequestError(f"The request is larger than {MOST_BODY_BYTES >> 20} MB.", 413, "too_large")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HttpRequestError("The body of the request is not a JSON object.", 400, "invalid_request")
    return found


async def run_until_gone(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`; cancel it if the client disconnects first.

    Raises:
        ClientGoneError: the client disconnected.
    """
    working = asyncio.ensure_future(work)
    disconnect = asyncio.ensure_future(_wait_until_gone(receive))
    try:
        await asyncio.wait((working, disconnect), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGoneError
    finally:
        disconnect.cancel()
        working.cancel()
        await asyncio.gather(working, disconnect, return_exceptions=True)


async def _wait_until_gone(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events. The response starts with the first event, so an earlier error still gets its own status.

    Args:
        events: JSON objects; closed when the client disconnects.
        make_refusal: returns the response for an error, or None for an unexpected one, which is raised.
        on_gone: called when the client disconnects.
    """

    def __init__(
        self,
        events: AsyncGenerator[Mapping[str, Any], None],
        make_refusal: Callable[[Exception], Response | None],
        on_gone: Callable[[], object],
    ) -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._events = events
        self._make_refusal = make_refusal
        self._on_gone = on_gone
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; on an error, send an error response, or an error event if the response has begun."""
        try:
            await run_until_gone(receive, self._send(send))
        except (ClientGoneError, OSError):
            self._on_gone()
        except Exception as error:
            answer = self._make_refusal(error)
            if answer is None:
                raise
            if not self._begun:
                await answer(scope, receive, send)
            else:  # the status was sent before; like OpenAI's servers, send the error as an event
                await send({"type": "http.response.body", "body": b"data: " + bytes(answer.body) + b"\n\n"})

    async def _send(self, send: Send) -> None:
        """Send each event, then the end mark."""
        try:
            async for event in self._events:
                await self._begin_once(send)
                data = b"data: " + json.dumps(event).encode() + b"\n\n"
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
        finally:
            await self._events.aclose()

    async def _begin_once(self, send: Send) -> None:
        """Send status and headers before the first event."""
        if not self._begun:
            self._begun = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
