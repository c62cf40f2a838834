"""Requests to the client that may stay unanswered for minutes, because a person has to answer, or for ever.

If the caller stops waiting, the request is cancelled at the client (`$/cancelRequest`) and a late answer is ignored.
Start at `ask_client`.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from lsprotocol import types

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pygls.lsp.server import LanguageServer


async def ask_client(server: LanguageServer, method: str, params: object, *, limit_s: float | None = None) -> Any:  # noqa: ANN401 (each method has its own answer)
    """Send a request to the client and return its answer, in LSP's type, or as JSON for a method that LSP lacks.

    Cancels the request at the client if the time is over or this call is cancelled.

    Args:
        server: the connection to the client.
        method: the method's name.
        params: the method's parameters.
        limit_s: longest time to wait for the answer, in seconds; None to wait without limit.

    Raises:
        TimeoutError: no answer came within `limit_s`.
        JsonRpcException: the client answered with an error.
    """
    identity = str(uuid.uuid4())
    answer = server.protocol.send_request(method, params, msg_id=identity)
    answer.add_done_callback(_retrieve_error)
    # shielded: a late answer for a future that is cancelled would raise where pygls receives messages
    waiting = asyncio.ensure_future(asyncio.shield(asyncio.wrap_future(answer)))
    try:
        async with asyncio.timeout(limit_s):
            return await waiting
    finally:
        if not answer.done():
            server.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(identity))


def _retrieve_error(answer: Future[Any]) -> None:
    """Retrieve the error of an answer that nobody awaits, or asyncio would log it as never retrieved."""
    if not answer.cancelled():
        answer.exception()
