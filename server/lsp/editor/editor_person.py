"""Questions of agents, asked in the editor. Implements `agents.ports.person.Person`.

Choices are asked as a message with buttons (`window/showMessageRequest`). A question for any text needs a client that
declares `{"starling": {"ask": true}}` in `experimental`: it gets `starling/ask` with `{question, choices}` for every
question and returns `{answer: TEXT}`, null for no answer. Start at `EditorPerson.ask`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.gate.question.wording import replace_unprintable
from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pygls.lsp.server import LanguageServer

    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

ASK = "starling/ask"
ANSWER_WAIT_S = 300.0  # for a person; as long as the gate waits
CHECK_S = 0.1  # between two looks whether the question is still needed


class EditorPerson:
    """The person in front of the editor at the other end of a connection.

    Args:
        server: the connection to the editor.
        client: returns the client's capabilities.
        is_cancelled: returns whether nobody needs the answer any more; checked while the person thinks.
    """

    def __init__(self, server: LanguageServer, client: Callable[[], Client], is_cancelled: Callable[[], bool]) -> None:
        self._server = server
        self._client = client
        self._is_cancelled = is_cancelled

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Return the person's answer, one of `choices` if there are any; None if nobody answers or can be asked."""
        shown = {replace_unprintable(choice): choice for choice in choices}
        try:
            if self._client().asks:
                answer = await self._ask_in_client_view(replace_unprintable(question), [*shown])
            elif shown:
                answer = await self._choose(replace_unprintable(question), [*shown])
            else:
                return None
        except (TimeoutError, JsonRpcException) as error:
            logger.info("nobody answered a question of an agent: %s", error or "no answer in time")
            return None
        if answer is None or not shown:
            return answer or None
        return shown.get(answer)

    async def _ask_in_client_view(self, question: str, choices: Sequence[str]) -> str | None:
        """Return the answer to `starling/ask`, None for none or one of another form."""
        params = {"question": question, "choices": choices}
        answer = await self._wait_for_answer(ASK, params)
        given = answer.get("answer") if isinstance(answer, dict) else getattr(answer, "answer", None)
        return given if isinstance(given, str) else None

    async def _choose(self, question: str, choices: Sequence[str]) -> str | None:
        """Return the title that the person chose in a message box, None for a closed box."""
        params = types.ShowMessageRequestParams(
            types.MessageType.Info, question, [types.MessageActionItem(choice) for choice in choices]
        )
        chosen = await self._wait_for_answer(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        return None if chosen is None else str(chosen.title)

    async def _wait_for_answer(self, method: str, params: object) -> Any:  # noqa: ANN401 (each method has its own)
        """Send a question to the client and return its answer; withdraw it once it is cancelled, or after a time.

        Raises:
            TimeoutError: the question was withdrawn.
            JsonRpcException: the client answered with an error.
        """
        asking = asyncio.create_task(ask_client(self._server, method, params, limit_s=ANSWER_WAIT_S))
        try:
            while not asking.done():
                if self._is_cancelled():
                    raise TimeoutError
                await asyncio.wait((asking,), timeout=CHECK_S)
            return asking.result()
        finally:
            asking.cancel()
