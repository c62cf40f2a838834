"""An agent's conversation with a model, kept within the model's window without cutting anything silently.

At half of the window the output of older tool calls is replaced by a line; if that is not enough, the middle is
summarised. Instructions (role, rules), plan, facts, open questions and the last third always stay: instructions and
notes are not messages of the transcript but are put before it anew for each request. Start at `Conversation`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.chat import Message, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FULL_SHARE = 0.5
"""Share of the window from which on older output goes."""

KEPT_SHARE = 1 / 3
"""Share of the messages, counted from the newest in tokens, that is never touched."""

DROPPED = "[output of an earlier call, no longer shown; call the tool again if it is needed]"
SHORT = 200
"""Characters of a tool's output up to which it is not dropped."""

LEAST_OUTPUT = 400
"""Characters of a tool's output below which it is not cut."""

CUT = (
    "[... {missing:,} characters left out, because the results together did not fit the model's window; ask for a "
    "smaller part, or for one thing at a time ...]"
)

MESSAGE_TOKENS = 8
"""Tokens that a model's template adds to each message, an upper estimate."""


class Conversation:
    """The messages of one agent, oldest first.

    Args:
        count: returns the model's own number of tokens in a text.
        window: tokens of conversation and answer together.
        messages: earlier messages, of a session that is resumed.
    """

    def __init__(self, count: Callable[[str], int], window: int, messages: Sequence[Message] = ()) -> None:
        self.messages: list[Message] = []
        self._count = count
        self._window = window
        self._tokens: list[int | None] = []  # counted when they are needed: a model in another process counts slowly
        for message in messages:
            self.add(message)

    @property
    def tokens(self) -> int:
        """Tokens of all messages; blocks while new ones are counted."""
        return sum(map(self._get_tokens, range(len(self.messages))))

    def add(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)
        self._tokens.append(None)

    def build(self, instructions: str) -> tuple[Message, ...]:
        """Return the messages of the next request: `instructions`, then the transcript."""
        return (Message(Speaker.SYSTEM, instructions), *self.messages)

    def is_full(self, instructions: str, answer_tokens: int) -> bool:
        """Return whether more than half of the window is taken, the next answer included."""
        return self._count(instructions) + self.tokens + answer_tokens > self._window * FULL_SHARE

    def drop_old_output(self) -> int:
        """Replace longer outputs of tool calls before the last third by a line; return the number of tokens saved."""
        saved = 0
        for at in range(self._find_last_third()):
            message = self.messages[at]
            if message.speaker is Speaker.TOOL and len(message.text) > SHORT and message.text != DROPPED:
                before = self._get_tokens(at)
                self.messages[at], self._tokens[at] = replace(message, text=DROPPED), None
                saved += before - self._get_tokens(at)
        return saved

    def cut_output(self, most: int) -> int:
        """Cut the longest outputs of tool calls until all messages have at most `most` tokens; return the number cut.

        A line in each says how much is left out. None is cut below `LEAST_OUTPUT` characters.
        """
        whole = {at: one for at, one in enumerate(self.messages) if one.speaker is Speaker.TOOL}
        longest = max((len(one.text) for one in whole.values()), default=0)
        cut: set[int] = set()
        while self.tokens > most and longest > LEAST_OUTPUT:
            longest = max(LEAST_OUTPUT, longest * 3 // 4)
            for at, message in whole.items():
                if len(message.text) > longest:
                    self.messages[at], self._tokens[at] = replace(message, text=cut_text(message.text, longest)), None
                    cut.add(at)
        return len(cut)

    def list_middle(self) -> tuple[Message, ...]:
        """Return the messages between the first one and the last third, which a summary may replace."""
        return tuple(self.messages[1 : self._find_last_third()])

    def replace_middle(self, summary: str) -> None:
        """Put `summary` in the place of the messages that `list_middle` returns."""
        end = self._find_last_third()
        if end <= 1:
            return
        note = Message(Speaker.USER, f"[Summary of the conversation so far, by the program]\n{summary}")
        self.messages[1:end] = [note]
        self._tokens[1:end] = [None]

    def _find_last_third(self) -> int:
        """Return the index of the first message of the last third of the tokens; separates no call from its results."""
        budget, at = self.tokens * KEPT_SHARE, len(self.messages)
        while at > 0 and budget > 0:
            at -= 1
            budget -= self._get_tokens(at)
        while at > 0 and self.messages[at].speaker is Speaker.TOOL:
            at -= 1
        return at

    def _get_tokens(self, at: int) -> int:
        """Return the tokens of the message at `at`; counts these the first time."""
        known = self._tokens[at]
        if known is None:
            message = self.messages[at]
            calls = "".join(f"{one.name}{dict(one.arguments)}" for one in message.calls)
            known = self._tokens[at] = self._count(message.text + calls) + MESSAGE_TOKENS
        return known


def cut_text(text: str, most: int) -> str:
    """Return start and end of `text`, about `most` characters, with a line between that says what is left out."""
    head, tail = text[: most * 2 // 3], text[len(text) - most // 3 :]
    return f"{head}\n{CUT.format(missing=len(text) - len(head) - len(tail))}\n{tail}"
