"""Answers of the last hour, on disk: the same question to the same model is not asked, nor paid for, twice.

Keyed by everything that changes the answer; kept below Starling's own cache folder (`models.remote.reply_store`), and
deletable at any time. Start at `CachedChat`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from models.chat_layers import LayeredChat
from models.remote.reply_store import KEPT_ENDS, ReplyStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.chat import ChatRequest, Reply
    from models.chat_layers import IdentifiedChat

logger = logging.getLogger(__name__)

FORMAT = "replies-2"  # part of every key
KEPT_S = 3600.0


class CachedChat(LayeredChat):
    """A chat model with a memory. Thread-safe, also between processes."""

    def __init__(self, chat: IdentifiedChat, folder: Path, *, kept_s: float = KEPT_S) -> None:
        super().__init__(chat)
        self._store = ReplyStore(folder)
        self._kept_s = kept_s

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer from memory, else ask; a question that wants variety (a temperature over 0) is always asked."""
        if request.temperature:
            return self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        key = _key(self.inner.identity, request)
        known = self._store.get(key)
        if known is not None:
            logger.info("chat answered", extra={"model": self.name, "end": known.end.value, "cached": True})
            if on_text is not None and known.text:
                on_text(known.text)
            return known
        reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        if reply.end in KEPT_ENDS:
            self._store.keep(key, reply, self._kept_s)
        return reply


def _key(identity: str, request: ChatRequest) -> str:
    whole = json.dumps([FORMAT, identity, asdict(request)], sort_keys=True, default=dict)
    return hashlib.sha256(whole.encode("utf-8", errors="surrogatepass")).hexdigest()
