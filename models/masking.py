"""Masking of secrets in chat requests: secrets are replaced by marks, and marks in the answer by the secrets.

Applied last before a request leaves this machine, whatever produced its text. An answer whose marks are damaged is
never used as code. The caller defines what a secret is (`FindSecrets`). Start at `MaskedChat`;
`models.masked_completion` does the same for completions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Fault, Message, Reply, Speaker
from models.chat_layers import LayeredChat

if TYPE_CHECKING:
    from models.chat import ChatRequest
    from models.chat_layers import IdentifiedChat

FindSecrets = Callable[[str], Sequence[tuple[int, int]]]
"""Function that returns the spans of the secrets in a text, in order and without overlaps."""

MARK = "STARLING_MASKED"
_DIGITS = 4
_MOST = 10**_DIGITS - 1
_LEAST_KNOWN = 8  # characters: a secret that long is masked wherever it occurs, not only where it was found
_LEAST_TAIL = 4  # characters: a mark cut off at the end of a text is recognized from this length on
NOTE = (
    "Each name that begins with {mark} stands for a secret value that was taken out. Treat it as an ordinary value; "
    "where you repeat it, copy it exactly."
)


class Mask:
    """The secrets of one request and their marks; equal requests get equal marks.

    Attributes:
        mark: the beginning of all marks of this request; occurs in none of its texts.
    """

    def __init__(self, texts: Iterable[str], find: FindSecrets) -> None:
        """Find the secrets of `texts` with `find` and give each a mark."""
        all_texts = list(texts)
        self.mark = MARK
        while any(self.mark.lower() in text.lower() for text in all_texts):
            self.mark += "_X"
        self._find = find
        self._spans = {text: find(text) for text in all_texts}
        self._marks: dict[str, str] = {}
        for text, spans in self._spans.items():
            for start, end in spans:
                if text[start:end] and len(self._marks) < _MOST:
                    self._marks.setdefault(text[start:end], f"{self.mark}_{len(self._marks) + 1:0{_DIGITS}}")
        known = sorted((one for one in self._marks if len(one) >= _LEAST_KNOWN), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._secrets = {mark: secret for secret, mark in self._marks.items()}
        self._any = re.compile(rf"{re.escape(self.mark)}_\d{{{_DIGITS}}}(?!\d)")
        loose = self.mark.replace("_", r"[\W_]{0,2}")
        self._damaged = re.compile(loose, re.IGNORECASE)

    def __bool__(self) -> bool:
        return bool(self._marks)

    def hide(self, text: str) -> str:
        """Return `text` with marks instead of its secrets, and instead of long secrets of the request's other texts."""
        pieces: list[str] = []
        at = 0
        for start, end in self._spans.get(text) or self._find(text):
            # a secret beyond the last mark cannot be revealed: better a wrong answer than a secret that leaks
            pieces += [text[at:start], self._marks.get(text[start:end], f"{self.mark}_{0:0{_DIGITS}}")]
            at = end
        whole = "".join([*pieces, text[at:]])
        return self._known.sub(lambda found: self._marks[found[0]], whole) if self._known is not None else whole

    def hide_in(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        """Return a copy of the JSON `value` with the secrets in its strings hidden, except in names of members."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {name: self.hide_in(inner) for name, inner in value.items()}
        return [self.hide_in(inner) for inner in value] if isinstance(value, list | tuple) else value

    def reveal(self, text: str, *, quoted: bool = False) -> str:
        """Return `text` with the secrets instead of their marks.

        Args:
            text: the text of an answer.
            quoted: whether `text` is JSON, so that the secrets have to be escaped.
        """

        def replace_mark(found: re.Match[str]) -> str:
            """Return the secret of the mark that was found; the mark itself if it is unknown."""
            known = self._secrets.get(found[0], found[0])
            return json.dumps(known)[1:-1] if quoted else known

        return self._any.sub(replace_mark, text)

    def reveal_in(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        """Return a copy of the JSON `value` with the marks in its strings revealed, except in names of members."""
        if isinstance(value, str):
            return self.reveal(value)
        if isinstance(value, Mapping):
            return {name: self.reveal_in(inner) for name, inner in value.items()}
        return [self.reveal_in(inner) for inner in value] if isinstance(value, list | tuple) else value

    def has_damaged_mark(self, text: str) -> bool:
        """Return whether `text`, a result of `reveal`, contains an unknown, cut or altered mark."""
        tails = (self.mark[:length] for length in range(_LEAST_TAIL, len(self.mark)))
        return self._damaged.search(text) is not None or text.rstrip().endswith(tuple(tails))

    def count_possible_mark_start(self, text: str) -> int:
        """Return how many characters at the end of `text` may be the beginning of a mark."""
        longest = len(self.mark) + 1 + _DIGITS
        for length in range(min(longest, len(text)), 0, -1):
            tail = text[-length:]
            head, digits = tail[: len(self.mark) + 1], tail[len(self.mark) + 1 :]
            if f"{self.mark}_".startswith(head) and (not digits or digits.isdigit()) and length < longest:
                return length
        return 0


class MaskedChat(LayeredChat):
    """A chat model that never receives secrets. Thread-safe."""

    def __init__(self, inner: IdentifiedChat, find: FindSecrets) -> None:
        super().__init__(inner)
        self._find = find

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask with the secrets masked, and reveal them in the answer; see `models.chat.ChatModel.chat`.

        In an answer for a person (`request.words`) the marks stay.

        Raises:
            ChatError: as for `chat`; MALFORMED if a mark in the answer is damaged and the answer may become code.
        """
        mask = Mask(_iterate_texts(request), self._find)
        if not mask:
            return self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        hidden = _hide_request(request, mask)
        if request.words:  # a person reads it: revealing the secret would only add a place from which it can leak
            return self.inner.chat(hidden, cancelled=cancelled, on_text=on_text)
        quoted = request.schema is not None
        stream = _UnmaskingStream(mask, on_text, quoted=quoted) if on_text is not None else None
        try:
            reply = self.inner.chat(hidden, cancelled=cancelled, on_text=stream)
        except ChatError as error:
            error.partial = mask.reveal(error.partial, quoted=quoted)
            raise
        if stream is not None:
            stream.flush()
        return self._reveal_reply(reply, mask, quoted=quoted)

    def _reveal_reply(self, reply: Reply, mask: Mask, *, quoted: bool) -> Reply:
        """Return `reply` with the secrets instead of the marks, in its text and in the arguments of its tool calls.

        Raises:
            ChatError: a mark was altered, cut or is unknown.
        """
        text = mask.reveal(reply.text, quoted=quoted)
        calls = tuple(replace(call, arguments=mask.reveal_in(call.arguments)) for call in reply.calls)
        if mask.has_damaged_mark(text) or any(
            mask.has_damaged_mark(json.dumps(dict(call.arguments))) for call in calls
        ):
            raise ChatError(
                f"{self.name} changed a mark that stands for a secret of this code, so its answer cannot be used; ask "
                "again, or remove the secret from the code.",
                Fault.MALFORMED,
                usage=reply.usage,
            )
        return replace(reply, text=text, calls=calls)


class _UnmaskingStream:
    """A stream that replaces the marks in an answer by their secrets, even if they arrive in pieces."""

    def __init__(self, mask: Mask, on_text: Callable[[str], None], *, quoted: bool) -> None:
        self._mask = mask
        self._on_text = on_text
        self._quoted = quoted
        self._held = ""

    def __call__(self, piece: str) -> None:
        """Pass on `piece` with its marks revealed, except for an end that may be the beginning of a mark."""
        text = self._held + piece
        kept = self._mask.count_possible_mark_start(text)
        self._held = text[len(text) - kept :]
        if ready := self._mask.reveal(text[: len(text) - kept], quoted=self._quoted):
            self._on_text(ready)

    def flush(self) -> None:
        """Pass on the held-back end of the answer, which could have been the beginning of a mark."""
        if self._held:
            self._on_text(self._held)
        self._held = ""


def _iterate_texts(request: ChatRequest) -> Iterable[str]:
    """Yield the texts of all messages of `request`, and all strings in the arguments of their tool calls."""
    for message in request.messages:
        yield message.text
        for call in message.calls:
            yield from _iterate_strings(call.arguments)


def _iterate_strings(value: object) -> Iterable[str]:
    """Yield all strings in a JSON value, at any depth, except the names of members."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _iterate_strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _iterate_strings(inner)


def iterate_reply_texts(reply: Reply) -> Iterable[str]:
    """Yield the text of a reply, and all strings in the arguments of its tool calls."""
    yield reply.text
    for call in reply.calls:
        yield from _iterate_strings(call.arguments)


def _hide_request(request: ChatRequest, mask: Mask) -> ChatRequest:
    """Return `request` with its secrets hidden and a system message that explains the marks to the model."""
    messages = [
        replace(
            message,
            text=mask.hide(message.text),
            calls=tuple(replace(call, arguments=mask.hide_in(call.arguments)) for call in message.calls),
        )
        for message in request.messages
    ]
    note = NOTE.format(mark=mask.mark)
    if messages and messages[0].speaker is Speaker.SYSTEM:
        messages[0] = replace(messages[0], text=f"{messages[0].text}\n\n{note}")
    else:
        messages.insert(0, Message(Speaker.SYSTEM, note))
    return replace(request, messages=tuple(messages))
