"""The gate's questions, asked in the editor: each question is asked once, in the best way that the client supports.

There are three ways. An editor with a trusted preview asks by itself. A client that declares `starling/confirm` shows
the texts side by side and asks there. Every other client gets `window/showMessageRequest`, after the diff was shown.
Declared capabilities are not enough to trust a preview (`server.lsp.editor.client.Editing`). Never writes; any answer
but an explicit approval is a rejection. Start at `EditorAsker`.
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
from server.gate.question.printing import replace_unprintable
from server.lsp.editor import confirm_request
from server.lsp.editor.client_requests import ask_client
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from server.gate.ports import Question, TakenParts
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.editor.client import Client
    from server.lsp.session.visits import Visit

logger = logging.getLogger(__name__)

SHOW_WAIT_S = 10.0  # for a document to be shown; some editors never answer, and the question must be asked anyway


class EditorAsker:
    """Asks a person in the editor at the other end of a connection."""

    def __init__(
        self,
        server: LanguageServer,
        client: Callable[[], Client],
        documents: ShownDocuments,
        get_visit: Callable[[], Visit | None] = lambda: None,
    ) -> None:
        """Prepare to ask.

        Args:
            server: the connection to the editor.
            client: returns the client's capabilities, which are known after `initialize`.
            documents: the store from which the editor fetches the diffs that it shows.
            get_visit: returns the visit of an account, None where there are no accounts.
        """
        self._get_visit = get_visit
        self._server = server
        self._client = client
        self._shown = documents
        self._turn = asyncio.Lock()

    def asks_while_applying(self, question: Question) -> bool:
        """Return whether the editor's own preview asks the question, while it applies the change.

        A preview can show proposals only. It is not used for new files with carriage returns, which the editor would
        replace by line feeds.
        """
        if question.proposal is None or not self._client().editing.previews:
            return False
        return not any(isinstance(one, CreateFile) and "\r" in one.text for one in question.proposal.changes)

    def find_obstacle(self, question: Question) -> str:
        """Return why this client cannot apply the change even if it is approved; "" if it can.

        On a server with accounts, also returns why the account's role does not allow to approve it.
        """
        visit = self._get_visit()
        if visit is not None and (obstacle := visit.find_question_obstacle(question.tool)):
            return obstacle
        changes = question.proposal.changes if question.proposal is not None else ()
        if any(isinstance(one, TextChange) for one in changes) and not self._client().editing.applies:
            name = self._client().name or "This editor"
            return f"{name} takes no edits from a language server (`workspace/applyEdit`); make the change by hand."
        return ""

    async def ask(self, question: Question) -> Answer | TakenParts:
        """Show the diff, ask the person and return the answer; `UNABLE` if the client cannot ask.

        If the person chooses to see the diff again, shows it and asks again. A second question waits for the first,
        and the time to answer it begins afterwards.
        """
        if self._turn.locked():
            question.clock.stop()
        async with self._turn:
            question.clock.start()
            editing = self._client().editing
            if editing.confirms and (editing.permits or question.proposal is not None):
                return await self._ask_in_client_view(question)
            readable = question.proposal is not None and await self._show_diff(question)
            message = wording.format_line(question) if readable else await self._format_with_diff(question)
            while (chosen := await self._choose(question, message)) is None:
                if self._client().editing.modal or not await self._show_diff(question, focus=True):
                    message = wording.format_with_diff(question)
            return chosen

    async def _ask_in_client_view(self, question: Question) -> Answer | TakenParts:
        """Ask in the client's own view and return the answer; `UNABLE` if the client could not ask."""
        params = confirm_request.build_params(question, chooses=self._client().editing.chooses)
        try:
            answer = await ask_client(self._server, confirm_request.CONFIRM, params)
        except JsonRpcException as error:
            logger.warning("the editor could not ask: %s", error)
            return Answer.UNABLE
        return confirm_request.parse_answer(question, answer)

    async def _choose(self, question: Question, message: str) -> Answer | None:
        """Ask in a message box and return the answer; None if the person wants to see the diff again.

        A closed box, and a title that was not offered, count as a rejection; an error of the client as `UNABLE`.
        """
        offered = wording.list_answers(question, showing=question.proposal is not None)
        params = types.ShowMessageRequestParams(
            types.MessageType.Warning if wording.is_serious(question) else types.MessageType.Info,
            replace_unprintable(message),
            [types.MessageActionItem(title) for title in offered],
        )
        try:
            chosen = await ask_client(self._server, types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        except JsonRpcException as error:
            logger.warning("the editor cannot be asked: %s", error)
            return Answer.UNABLE
        return offered.get(chosen.title, Answer.REJECT) if chosen is not None else Answer.REJECT

    async def _show_diff(self, question: Question, *, focus: bool = False) -> bool:
        """Show the diff as a document in the editor, and move the cursor there if `focus`; return whether that worked.

        Returns False if the editor cannot show documents or does not answer within `SHOW_WAIT_S`.
        """
        can = self._client().editing
        text = wording.format_document(question)
        if not can.shows:
            return False
        if can.contents:
            uri = self._shown.put(wording.make_document_name(question), text)
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

    async def _format_with_diff(self, question: Question) -> str:
        """Return the question with its diff; a long diff is cut, and written to a file that the message names."""
        if not wording.is_long(question):
            return wording.format_with_diff(question)
        path = await asyncio.to_thread(_write_document, question, wording.format_document(question))
        return wording.format_with_diff(question, elsewhere=str(path) if path is not None else "")


def _write_document(question: Question, text: str) -> Path | None:
    """Write `text` about `question` to a file in the cache and return its path; None if that fails. Blocking."""
    folder = paths.ensure_writable(paths.cache_dir() / "questions").path
    if folder is None:
        return None
    return shown_documents.write_document(folder, wording.make_document_name(question), text)
