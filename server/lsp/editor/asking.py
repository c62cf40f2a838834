"""How a person is asked in an editor: by client and kind of change one way is chosen, so that one question is asked.

An editor whose preview can be trusted asks by itself; one with a view of its own shows the texts side by side and
asks there (`starling/confirm`); every other is asked with `window/showMessageRequest` once the diff was made readable.
What a client declares is not enough to trust its preview (`server.lsp.editor.client.Editing`). Never writes, and takes
nothing but a clear yes for a yes. Start at `EditorAsker`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from agents.edits import CreateFile, TextChange
from server.gate.ports import Answer
from server.gate.question import shown_documents, wording
from server.lsp.editor import confirm_request
from server.lsp.editor.client_requests import ask_client
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from agents.edits import ProposedEdit
    from server.gate.ports import Question
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

SHOW_WAIT_S = 10.0  # for a document to be shown; some editors never answer, and the question itself must come


class EditorAsker:
    """Asks in the editor at the other end of a connection."""

    def __init__(self, server: LanguageServer, client: Callable[[], Client], documents: ShownDocuments) -> None:
        """`client` gives the client's traits, which come with `initialize`; `documents` is where the editor reads."""
        self._server = server
        self._client = client
        self._shown = documents
        self._turn = asyncio.Lock()

    def asks_while_applying(self, question: Question) -> bool:
        """Whether the editor's own preview asks; it shows proposals only, and new files get its own line ends."""
        if question.proposal is None or not self._client().editing.previews:
            return False
        return not any(isinstance(one, CreateFile) and "\r" in one.text for one in question.proposal.changes)

    def find_obstacle(self, question: Question) -> str:
        """Why this client could not carry out a yes; nobody is asked for nothing."""
        changes = question.proposal.changes if question.proposal is not None else ()
        if any(isinstance(one, TextChange) for one in changes) and not self._client().editing.applies:
            name = self._client().name or "This editor"
            return f"{name} takes no edits from a language server (`workspace/applyEdit`); make the change by hand."
        return ""

    async def ask(self, question: Question) -> Answer:
        """Show the diff, then ask, one question at a time; who wants to see it again decides after that."""
        async with self._turn:
            if question.proposal is not None and self._client().editing.confirms:
                return await self._compared(question, question.proposal)
            readable = question.proposal is not None and await self._show(question)
            asked = wording.phrase_line(question) if readable else await self._with_diff(question)
            while (chosen := await self._choose(question, asked)) is None:
                if self._client().editing.modal or not await self._show(question, focus=True):
                    asked = wording.phrase_with_diff(question)
            return chosen

    async def _compared(self, question: Question, proposal: ProposedEdit) -> Answer:
        """What a person chose in the client's own view of the texts."""
        try:
            answer = await ask_client(
                self._server, confirm_request.CONFIRM, confirm_request.question_of(question, proposal)
            )
        except JsonRpcException as error:
            logger.warning("the editor could not ask: %s", error)
            return Answer.UNABLE
        return confirm_request.answer_of(question, answer)

    async def _choose(self, question: Question, asked: str) -> Answer | None:
        """What a person chose, None for seeing it again; a box that is closed, and what was not offered, is a no."""
        offered = wording.list_answers(question, showing=question.proposal is not None)
        params = types.ShowMessageRequestParams(
            types.MessageType.Warning if wording.is_serious(question) else types.MessageType.Info,
            wording.replace_unprintable(asked),
            [types.MessageActionItem(title) for title in offered],
        )
        try:
            chosen = await ask_client(self._server, types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        except JsonRpcException as error:
            logger.warning("the editor cannot be asked: %s", error)
            return Answer.UNABLE
        return offered.get(chosen.title, Answer.REJECT) if chosen is not None else Answer.REJECT

    async def _show(self, question: Question, *, focus: bool = False) -> bool:
        """Whether the editor shows the diff as a document."""
        can = self._client().editing
        text = wording.phrase_document(question)
        if not can.shows:
            return False
        if can.contents:
            uri = self._shown.put(wording.name_document(question), text)
        else:
            path = await asyncio.to_thread(_write_document, question, text)
            if path is None:
                return False
            uri = path.as_uri()
        params = types.ShowDocumentParams(uri, external=False, take_focus=focus)
        try:
            answer = await ask_client(self._server, types.WINDOW_SHOW_DOCUMENT, params, limit_s=SHOW_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("the editor does not show the changes: %s", error or "no answer in time")
            return False
        return bool(answer.success)

    async def _with_diff(self, question: Question) -> str:
        """The question with the diff in the message; a long one is in a file, too."""
        if not wording.is_long(question):
            return wording.phrase_with_diff(question)
        path = await asyncio.to_thread(_write_document, question, wording.phrase_document(question))
        return wording.phrase_with_diff(question, elsewhere=str(path) if path is not None else "")


def _write_document(question: Question, text: str) -> Path | None:
    """Write `text` about `question` to a file in the cache and return its path; None if that fails. Blocking."""
    folder = paths.writable(paths.cache_dir() / "questions").path
    if folder is None:
        return None
    return shown_documents.write_document(folder, wording.name_document(question), text)
