"""Showing reviews: sent to clients that do not ask for diagnostics, while the others are told when to ask anew.

Each client gets one of the two, so that nothing is shown twice. Start at `Publishing.show`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.lsp.conversion.diagnostics import diagnostics_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.lsp.server import LanguageServer

    from server.lsp.editor.client import Client
    from server.lsp.session.reviews import Review
    from server.lsp.wire.guard import Guard

logger = logging.getLogger(__name__)

REFRESH_WAIT_S = 10.0
GATHER_S = 0.1  # several reviews that end together are one reason to ask anew


class Publishing:
    """The way of diagnostics to one client."""

    def __init__(self, server: LanguageServer, guard: Guard, client: Callable[[], Client]) -> None:
        self._server = server
        self._guard = guard
        self._client = client
        self._sent: set[str] = set()  # open documents that it was sent diagnostics of
        self._asked: dict[str, tuple[object, ...]] = {}  # what a client that asks was last told to ask for
        self._refreshing: asyncio.Future[None] | None = None

    def show(self, review: Review) -> None:
        """There is a newer review of a document."""
        client, document = self._client(), review.document
        if client.pulls:
            # it asks by itself after each change; only what a model found later would stay unseen
            if review.finished and review.slow != self._asked.get(document.uri, ()):
                self._asked[document.uri] = review.slow
                self.refresh()
            return
        self._sent.add(document.uri)
        self._publish(document.uri, diagnostics_of(review.findings, document, client.encoding), document.version)

    def closed(self, uri: str) -> None:
        """A document was closed: its diagnostics go with it."""
        self._asked.pop(uri, None)
        if uri in self._sent:
            self._sent.discard(uri)
            self._publish(uri, [], None)

    def refresh(self) -> None:
        """Have a client that asks ask again, for all it shows."""
        if self._client().refreshes and self._refreshing is None:
            self._refreshing = self._guard.background("refresh", self._refresh(), otherwise=lambda: None)

    async def _refresh(self) -> None:
        await asyncio.sleep(GATHER_S)
        self._refreshing = None
        try:
            await asyncio.wait_for(self._server.workspace_diagnostic_refresh_async(None), REFRESH_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("workspace/diagnostic/refresh was not answered: %s", error or "no answer in time")

    def _publish(self, uri: str, items: list[types.Diagnostic], version: int | None) -> None:
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items, version))
