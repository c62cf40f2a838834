"""A chat model with scripted answers, for demonstrations, tests and trying an editor without an endpoint.

Takes time for each token, can be cancelled at each token, and fails if its script says so. Runs in this process;
`models.scripted.scripted_server` serves the same scripts over HTTP. Start at `ScriptedChat`.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd, Usage
from models.remote import refusals
from models.scripted.scripted_completion import TOKEN
from models.scripted.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatRequest
    from models.scripted.scripts import Turn

POLL_S = 0.005
HERE = "The script"


class ScriptedChat:
    """A `models.chat.ChatModel` with scripted answers. Thread-safe.

    Attributes:
        requests: all requests, in order.
    """

    def __init__(self, script: Script | str, *, context_tokens: int = 16_384) -> None:
        self.requests: list[ChatRequest] = []
        self._script = Script.parse(script) if isinstance(script, str) else script
        self._context_tokens = context_tokens
        self._closed = threading.Event()
        self._identity = f"scripted {uuid.uuid4()}"

    @property
    def name(self) -> str:
        """Name of the model."""
        return "scripted"

    @property
    def identity(self) -> str:
        """Unique identity, so that no cached answer of another script is used."""
        return self._identity

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together, as given to the constructor."""
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Return the number of words and punctuation marks in `text`."""
        return len(TOKEN.findall(text))

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer with the next section of the script that fits; see `models.chat.ChatModel.chat`."""
        self.requests.append(request)
        conversation = "\n".join(message.text for message in request.messages)
        turn = self._script.take(conversation)
        if turn is None:
            raise ChatError("The script has nothing to say to that; add a section that fits.", Fault.REFUSED)
        if turn.status:
            raise refusals.explain_status(HERE, turn.status, {"retry-after": turn.retry_after}, "")
        if turn.trouble in {"malformed", "wrong-form"}:
            raise refusals.explain_malformed(HERE, "what is no JSON")
        text, end = self._write_answer(turn, request, cancelled, on_text)
        usage = Usage(self.count_tokens(conversation), self.count_tokens(text), requests=1)
        return Reply(text, end, turn.calls if end is not ReplyEnd.CANCELLED else (), usage, self.name)

    def close(self) -> None:
        """End running calls at their next token; they raise ChatError."""
        self._closed.set()

    def _write_answer(
        self,
        turn: Turn,
        request: ChatRequest,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None,
    ) -> tuple[str, ReplyEnd]:
        """Pass the tokens of `turn` to `on_text`, with its delays and faults; return the text and why it ended.

        Raises:
            ChatError: the script breaks the answer off, or the model was closed.
        """
        text, wait_s = "", float("inf") if turn.trouble == "hang" else turn.first_token_s
        for place, token in enumerate(TOKEN.findall(turn.text) or [""]):
            if place == turn.break_after:
                raise ChatError("The answer of the script broke off; ask again.", Fault.UNREACHABLE, partial=text)
            if not self._wait(wait_s, cancelled):
                return text, ReplyEnd.CANCELLED
            if place >= request.max_tokens:
                return text, ReplyEnd.LENGTH
            text, wait_s = text + token, turn.token_s
            if on_text is not None and token:
                on_text(token)
        return text, turn.end

    def _wait(self, wait_s: float, cancelled: Callable[[], bool]) -> bool:
        """Wait for `wait_s` seconds; return False if cancelled meanwhile.

        Raises:
            ChatError: the model was closed.
        """
        end = time.monotonic() + wait_s
        while not cancelled():
            if self._closed.is_set():
                raise ChatError("The scripted chat model was switched off; ask again.", Fault.CLOSED)
            if (left := end - time.monotonic()) <= 0:
                return True
            self._closed.wait(min(left, POLL_S))
        return False
