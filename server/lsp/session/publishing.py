"""Delivery of reviews to the client: by push, or by asking the client to pull diagnostics again.

Each client gets one of the two, so that no finding is shown twice. Start at `Publishing.show`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.lsp.conversion.diagnostics import build_diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.lsp.server import LanguageServer

    from server.lsp.editor.client import Client
    from server.lsp.session.reviews import Review
    from server.lsp.wire.guard import Guard

logger = logging.getLogger(__name__)

REFRESH_WAIT_S = 10.0
GATHER_S = 0.1  # reviews that end within this time cause one refresh


class Publishing:
    """Delivers reviews to one client."""

    def __init__(self, server: LanguageServer, guard: Guard, client: Callable[[], Client]) -> None:
        self._server = server
        self._guard = guard
        self._client = client
        self._sent: set[str] = set()  # open documents for which diagnostics were pushed
        self._announced: dict[str, tuple[object, ...]] = {}  # by document, the model's findings at the last refresh
        self._refreshing: asyncio.Future[None] | None = None

    def show(self, review: Review) -> None:
        """Push the findings of `review`, or ask a client that pulls to refresh if a model's findings have changed."""
        client, document = self._client(), review.document
        if client.pulls:
            # the client pulls after each change by itself; only a model's later findings would stay unseen
            if review.finished and review.slow != self._announced.get(document.uri, ()):
                self._announced[document.uri] = review.slow
                self.refresh()
            return
        self._sent.add(document.uri)
        self._publish(document.uri, build_diagnostics(review.findings, document, client.encoding), document.version)

    def clear(self, uri: str) -> None:
        """Remove the pushed diagnostics of the closed document `uri`."""
        self._announced.pop(uri, None)
        if uri in self._sent:
            self._sent.discard(uri)
            self._publish(uri, [], None)

    def refresh(self) -> None:
        """Ask the client, if it can refresh, to request all diagnostics again; once for calls within `GATHER_S`."""
        if self._client().refreshes and self._refreshing is None:
            self._refreshing = self._guard.run_in_background("refresh", self._refresh(), otherwise=lambda: None)

    async def _refresh(self) -> None:
        """Wait `GATHER_S` for further reviews, then ask the client to refresh; log it if no answer comes."""
        await asyncio.sleep(GATHER_S)
        self._refreshing = None
        try:
            await asyncio.wait_for(self._server.workspace_diagnostic_refresh_async(None), REFRESH_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("workspace/diagnostic/refresh was not answered: %s", error or "no answer in time")

    def _publish(self, uri: str, items: list[types.Diagnostic], version: int | None) -> None:
        """Push `items` as all diagnostics of the document `uri`; `version` is the document's, None for a closed one."""
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items, version))
