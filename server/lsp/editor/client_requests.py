"""One request to the client that a person may take minutes to answer, or never answers.

Whoever stops waiting tells the client (`$/cancelRequest`), and an answer that comes all the same harms nothing. Knows
no feature. Start at `ask_client`.
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
    """The client's answer.

    Raises:
        TimeoutError: none came within `limit_s`.
        JsonRpcException: the client cannot, or will not; pygls makes it of the error that it answers.
    """
    identity = str(uuid.uuid4())
    answer = server.protocol.send_request(method, params, msg_id=identity)
    answer.add_done_callback(_seen)
    # pygls' future itself must stay as it is: what is set on a cancelled one raises where messages are received
    waiting = asyncio.ensure_future(asyncio.shield(asyncio.wrap_future(answer)))
    try:
        async with asyncio.timeout(limit_s):
            return await waiting
    finally:
        if not answer.done():
            server.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(identity))


def _seen(answer: Future[Any]) -> None:
    """Nobody has to look at an error that came too late."""
    if not answer.cancelled():
        answer.exception()
