"""A cache of chat answers on disk: within an hour, the same question to the same model is answered from the cache.

The key covers everything that changes the answer. The files lie below Starling's own cache folder
(`models.remote.reply_store`) and can be deleted at any time. Start at `CachedChat`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from models.chat_layers import LayeredChat
from models.masking import FindSecrets, iterate_reply_texts
from models.remote.reply_store import KEPT_ENDS, ReplyStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.chat import ChatRequest, Reply
    from models.chat_layers import IdentifiedChat

logger = logging.getLogger(__name__)

FORMAT = "replies-2"  # part of every key: answers of an older format are not found
KEPT_S = 3600.0


class CachedChat(LayeredChat):
    """A chat model with a cache. Thread-safe, also between processes.

    Args:
        kept_s: how long an answer may be used, seconds.
        find: finds secrets in an answer, which is then not cached: the model may repeat what it knows.
    """

    def __init__(
        self, chat: IdentifiedChat, folder: Path, *, kept_s: float = KEPT_S, find: FindSecrets = lambda _: ()
    ) -> None:
        super().__init__(chat)
        self._store = ReplyStore(folder)
        self._kept_s = kept_s
        self._find = find

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the cached answer; without one, ask the inner model and cache its complete answer.

        The text of a cached answer is passed to `on_text` at once. Requests with a temperature above 0 bypass the
        cache: their answers are meant to differ.

        Raises:
            ChatError: from the inner model.
        """
        if request.temperature:
            return self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        key = _make_key(self.inner.identity, request)
        cached = self._store.get(key)
        if cached is not None:
            logger.info("chat answered", extra={"model": self.name, "end": cached.end.value, "cached": True})
            if on_text is not None and cached.text:
                on_text(cached.text)
            return cached
        reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        if reply.end in KEPT_ENDS and not any(map(self._find, iterate_reply_texts(reply))):
            self._store.put(key, reply, self._kept_s)
        return reply


def _make_key(identity: str, request: ChatRequest) -> str:
    """Return the cache key: a hash of the format, the model's identity and the whole request."""
    whole = json.dumps([FORMAT, identity, asdict(request)], sort_keys=True, default=dict)
    return hashlib.sha256(whole.encode("utf-8", errors="surrogatepass")).hexdigest()
