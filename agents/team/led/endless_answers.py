"""Answers that repeat themselves without an end, as small models write them: the same lines, or lines that only count.

Start at `ask_until_repeated`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from models.chat import ReplyEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatModel, ChatRequest, Reply

COPIES = 5
"""Times that a piece of text stands at the end, one after the other, of an answer that repeats itself."""

COUNTED_COPIES = 12
"""The same for pieces that differ in their numbers, which a table may hold too."""

LEAST_CHARACTERS = 240
"""Characters of all these pieces together."""

LONGEST_END = 6000
"""Characters at the end of an answer that are looked at."""

_PROBE = 16  # characters at the end that are looked for before it
_MOST_PERIODS = 8


async def ask_until_repeated(
    chat: ChatModel,
    request: ChatRequest,
    cancelled: Callable[[], bool],
    on_text: Callable[[str], None] = lambda _: None,
) -> Reply:
    """Return the reply to `request`; once the answer repeats itself, it is ended there, after a whole line.

    The end of such a reply is END.

    Args:
        chat: the model.
        request: the request.
        cancelled: returns whether the answer is no longer wanted.
        on_text: takes each piece of the answer; on another thread.

    Raises:
        ChatError: the model does not answer.
    """
    text, repeated = "", False

    def take(piece: str) -> None:
        nonlocal text, repeated
        text += piece
        if "\n" in piece:
            repeated = repeated or is_repeating(text[: text.rindex("\n") + 1])
        on_text(piece)

    reply = await asyncio.to_thread(chat.chat, request, cancelled=lambda: repeated or cancelled(), on_text=take)
    if not repeated or cancelled():
        return reply
    return replace(reply, text=reply.text[: reply.text.rfind("\n") + 1], end=ReplyEnd.END)


def is_repeating(text: str) -> bool:
    """Return whether `text` ends with the same piece `COPIES` times, or `COUNTED_COPIES` times but for its numbers."""
    end = text[-LONGEST_END:]
    return _count_copies(end) >= COPIES or _count_copies(re.sub(r"\d+", "0", end)) >= COUNTED_COPIES


def _count_copies(text: str) -> int:
    """Return how often the piece stands at the end of `text` that is there most often.

    Counts only pieces whose copies have `LEAST_CHARACTERS` together; 1 if there is none.
    """
    probe, start, most = text[-_PROBE:], len(text), 1
    for _ in range(_MOST_PERIODS):
        start = text.rfind(probe, 0, start + len(probe) - 1) if start else -1
        if start < 0:
            break
        period = len(text) - len(probe) - start
        if period == 0:
            continue
        piece, copies = text[-period:], 1
        while text.endswith(piece, 0, len(text) - copies * period):
            copies += 1
        if copies * period >= LEAST_CHARACTERS:
            most = max(most, copies)
    return most
