"""A chat model of the catalog that the host computes, asked over the same HTTP dialect as any other endpoint.

Start at `HostedChat.chat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd
from models.errors import ModelError
from models.remote.http import GivenUpError, HttpClient, HttpOptions
from models.remote.providers.context_windows import estimate_tokens
from models.remote.providers.dialect import Announcer
from models.remote.providers.remote_chat import RemoteChat

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.catalog.catalog import ModelEntry
    from models.chat import ChatRequest
    from models.host.connection import Connection
    from models.remote.endpoint import Endpoint
    from models.remote.endpoint_group import EndpointGroup


class HostedChat:
    """A `models.chat.ChatModel` behind a connection to the host. Thread-safe."""

    def __init__(self, entry: ModelEntry, connection: Connection) -> None:
        self.entry = entry
        self._connection = connection
        self._closed = False

    @property
    def name(self) -> str:
        """Name of the model in the catalog."""
        return self.entry.name

    @property
    def identity(self) -> str:
        """Name of the host's model in the key of cached replies."""
        return f"model host {self.entry.name}"

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together."""
        return self.entry.context_tokens

    def count_tokens(self, text: str) -> int:
        """Return an upper estimate of the number of tokens in `text`."""
        return estimate_tokens(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask the host, and once more if the host ended meanwhile; see `models.chat.ChatModel.chat`."""
        announcer = Announcer(on_text) if on_text is not None else None
        for again in (True, False):
            if self._closed:
                break
            try:
                endpoint = self._connection.connect(cancelled)
                return self._ask_once(endpoint, request, cancelled, announcer)
            except GivenUpError:
                return Reply("", ReplyEnd.CANCELLED)
            except ChatError as error:
                if again and error.fault is Fault.UNREACHABLE and self._connection.discard(endpoint):
                    continue
                sentence = error.said or "The model host does not answer; `starling doctor` says more."
                raise ChatError(sentence, error.fault, partial=error.partial, usage=error.usage) from error
            except ModelError as error:
                raise ChatError(str(error), Fault.UNREACHABLE) from error
        raise ChatError("The chat model was switched off; ask again.", Fault.CLOSED)

    def _ask_once(
        self,
        endpoint: Endpoint | EndpointGroup,
        request: ChatRequest,
        cancelled: Callable[[], bool],
        announcer: Announcer | None,
    ) -> Reply:
        """Ask `endpoint` once and return the reply; report each piece of text to the connection as an answer.

        Raises:
            ChatError: there is no answer.
            SilentHostError: the host hangs.
        """
        connection, pieces = self._connection, list[str]()

        def is_cancelled() -> bool:
            """Return whether the caller cancelled; raise SilentHostError if the host hangs."""
            connection.check()
            return cancelled()

        def receive(piece: str) -> None:
            """Record that the host answers, and pass the text so far to the announcer."""
            connection.note_answer()
            pieces.append(piece)
            if announcer is not None:
                announcer.update("".join(pieces))

        unused = HttpClient(HttpOptions())  # needed only to look up context windows, which is off
        chat = RemoteChat(self.name, endpoint, unused, context_tokens=self.context_tokens, cuts=False)
        connection.note_request()
        reply = chat.chat(request, cancelled=is_cancelled, on_text=receive)
        if reply.end is not ReplyEnd.CANCELLED:
            connection.note_answer()
        return reply

    def close(self) -> None:
        """Cancel running calls; later calls raise ChatError."""
        self._closed = True
        self._connection.close()
