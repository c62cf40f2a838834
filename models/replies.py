"""Answers of the last hour, on disk: the same question to the same model is not asked, nor paid for, twice.

Keyed by everything that changes the answer; kept as JSON below Starling's own cache folder, readable by its owner
alone, and deletable at any time. Start at `CachedChat`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from models.chat import Reply, ReplyEnd, ToolCall, Usage
from models.layered import LayeredChat
from starling_files import make_file, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.chat import ChatRequest
    from models.layered import IdentifiedChat

logger = logging.getLogger(__name__)

FORMAT = "replies-1"  # the folder's name: another format is another folder
KEPT_S = 3600.0
LARGEST_BYTES = 64 << 20  # of the folder; the oldest answers go first


class CachedChat(LayeredChat):
    """A chat model with a memory. Thread-safe, also between processes."""

    def __init__(self, chat: IdentifiedChat, folder: Path, *, kept_s: float = KEPT_S) -> None:
        super().__init__(chat)
        self._folder = folder / FORMAT
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
        known = self._recalled(key)
        if known is not None:
            logger.info("chat answered", extra={"model": self.name, "end": known.end.value, "cached": True})
            if on_text is not None and known.text:
                on_text(known.text)
            return known
        reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        if reply.end in {ReplyEnd.END, ReplyEnd.TOOLS}:
            self._keep(key, reply)
        return reply

    def _recalled(self, key: str) -> Reply | None:
        try:
            with self._opened() as cache:
                known = cache.get(key)
        except (OSError, sqlite3.Error, ValueError) as error:
            logger.info("answers kept cannot be read: %s", error)
            return None
        return _read(known) if isinstance(known, dict) else None

    def _keep(self, key: str, reply: Reply) -> None:
        try:
            with self._opened() as cache:
                cache.set(key, asdict(reply), expire=self._kept_s)
        except (OSError, sqlite3.Error) as error:
            logger.info("an answer cannot be kept: %s", error)

    def _opened(self) -> Any:  # noqa: ANN401 (diskcache carries no types)
        import diskcache  # noqa: PLC0415 (for a person with an endpoint alone)

        make_folder(self._folder)
        make_file(self._folder / "cache.db")  # before the library makes one that everybody can read
        # opened for each question, which takes a millisecond: its connections belong to threads that may end
        return diskcache.Cache(str(self._folder), disk=diskcache.JSONDisk, size_limit=LARGEST_BYTES, timeout=1.0)


def _key(identity: str, request: ChatRequest) -> str:
    whole = json.dumps([FORMAT, identity, asdict(request)], sort_keys=True, default=dict)
    return hashlib.sha256(whole.encode("utf-8", errors="surrogatepass")).hexdigest()


def _read(known: dict[str, Any]) -> Reply | None:
    """A reply as it was kept, free of charge; None when it is none."""
    try:
        calls = tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in known["calls"])
        reply = Reply(str(known["text"]), ReplyEnd(known["end"]), calls, Usage(), str(known["model"]))
    except (KeyError, TypeError, ValueError):
        return None
    return replace(reply, cached=True)
