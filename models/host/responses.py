"""Answers over HTTP that end with their connection: whoever hangs up stops the computing behind it.

Errors have OpenAI's form, with one sentence for a person. Knows no model. Start at `Events` and `until_hung_up`.
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


class HungUpError(Exception):
    """The client went away."""


class RefusedError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: of HTTP.
        kind: a word for programs.
    """

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def refusal(message: str, status: int, kind: str) -> Response:
    """An error as OpenAI writes it."""
    headers = {"retry-after": str(BUSY_RETRY_S)} if status == 503 else None
    return JSONResponse({"error": {"message": message, "type": kind, "code": kind}}, status, headers)


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        RefusedError: there is none, or it is too large.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise RefusedError(f"The request is larger than {MOST_BODY_BYTES >> 20} MB.", 413, "too_large")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusedError("The body of the request is no JSON object.", 400, "invalid_request")
    return found


async def until_hung_up(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives; it is cancelled when the client goes away.

    Raises:
        HungUpError: the client went away.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise HungUpError
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Events(Response):
    """Server-sent events; the answer begins with the first one, so that what fails before it has a status of its own.

    Args:
        events: JSON objects; closed when the client goes away.
        refused: from an error before the first event to the answer instead; None for one that is ours.
        hung_up: called when the client goes away.
    """

    def __init__(
        self,
        events: AsyncGenerator[Mapping[str, Any], None],
        refused: Callable[[Exception], Response | None],
        hung_up: Callable[[], object],
    ) -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._events = events
        self._refused = refused
        self._hung_up = hung_up
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await until_hung_up(receive, self._send(send))
        except (HungUpError, OSError):
            self._hung_up()
        except Exception as error:
            answer = self._refused(error)
            if answer is None:
                raise
            if not self._begun:
                await answer(scope, receive, send)
            else:  # the status is said; OpenAI's servers send the error as an event
                await send({"type": "http.response.body", "body": b"data: " + bytes(answer.body) + b"\n\n"})

    async def _send(self, send: Send) -> None:
        try:
            async for event in self._events:
                await self._begin(send)
                data = b"data: " + json.dumps(event).encode() + b"\n\n"
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
        finally:
            await self._events.aclose()

    async def _begin(self, send: Send) -> None:
        if not self._begun:
            self._begun = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
