"""The prompt of a rewrite: the piece of a document, the code around it that fits, and the room for the answer.

Start at `RewritePrompt`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents import outlines, prompting, related_code
from agents.tasks.rewriting import definitions
from indexing.syntax.documents import Span
from models.chat import ChatRequest, Message, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.pieces import Piece
    from indexing.index import Index
    from models.chat import ChatModel

# Tokens of the code around the piece: small models read slowly, and follow a task less well with more of it.
_CONTEXT_TOKENS = 1000
_WHOLE_FILE_TOKENS = 500
_BEFORE_TOKENS, _AFTER_TOKENS = 400, 200
_CONTEXT_SHARE = 0.25  # of the context window, where that is less
_SPARE_TOKENS = 800  # for the fixed text of the prompt
_LEAST_ANSWER_TOKENS = 512
_WORDS_TOKENS = 300
_MOST_CHARACTERS = 40  # characters of a token, on average; the rest of a longer answer is ignored


class RewritePrompt:
    """The prompt that asks a model to rewrite one piece.

    Attributes:
        piece: whole lines of a document.
        before: the document's text before the piece.
        after: the text after the piece, without the line end that follows it.
        longest: characters of an answer that are read.
        fits: whether the piece, a second question and both answers fit into the model's context window.
    """

    def __init__(self, chat: ChatModel, piece: Piece) -> None:
        self.piece = piece
        self._chat = chat
        text, span = piece.document.text, piece.span
        self.before, self.after = text[: span.start], text[span.end :].removeprefix("\r").removeprefix("\n")
        size = chat.count_tokens(piece.text)
        self._answer_tokens = max(_LEAST_ANSWER_TOKENS, 2 * size) + _WORDS_TOKENS
        self.longest = _MOST_CHARACTERS * self._answer_tokens
        room = chat.context_tokens - 2 * self._answer_tokens - _SPARE_TOKENS
        self.fits = size < room
        self._context = min(_CONTEXT_TOKENS, int(chat.context_tokens * _CONTEXT_SHARE), room - size)
        self._shown_before, self._shown_after = self._select_surroundings()

    def build_request(self, task: str, index: Index, prompt: str = "rewrite") -> ChatRequest:
        """Return the first request, to do `task`, with as much of the code around the piece as fits.

        `prompt` is the name of the prompt file.
        """
        piece, count = self.piece, self._chat.count_tokens
        left = self._context
        whole = self._shows_all()
        imports = "" if whole else outlines.select_imports(piece, lambda more: count(more) <= left // 3)
        left -= count(imports)
        head = "" if whole else outlines.outline_classes(piece, lambda more: count(more) <= left // 2)
        left -= count(head)
        context = related_code.collect_signatures(piece, index, lambda more: count(more) <= left, whole=whole)
        messages = prompting.build_messages(
            prompt,
            task=task,
            what=self._describe_piece(),
            language=piece.document.language,
            imports=_fence_section(imports),
            head=_fence_section(head),
            context=context,
            before=_fence_section(self._shown_before),
            code=_fence_section(piece.text, piece.title),
            after=_fence_section(self._shown_after),
        )
        return ChatRequest(messages, max_tokens=self._answer_tokens)

    def list_shown_spans(self) -> tuple[Span, ...]:
        """Return the spans of the document that the request shows in full before and after the piece."""
        start, end = self.piece.span.start, len(self.piece.document.text) - len(self.after)
        return Span(start - len(self._shown_before), start), Span(end, end + len(self._shown_after))

    def _describe_piece(self) -> str:
        """Return the name of the piece in the prompt, such as "the function `area`"."""
        span, text = self.piece.span, self.piece.document.text
        if not self.piece.text.strip():
            return "the lines that are missing here"
        found = definitions.select_outermost(
            definitions.select_within(definitions.list_definitions(self.piece.syntax), span)
        )
        named = [one for one in found if one.sort != "value"]
        if len(named) != 1 or text[span.start : named[0].lead].strip() or text[named[0].span.end : span.end].strip():
            return "these lines" if text[: span.start].strip() or text[span.end :].strip() else "the file"
        return f"the {'class' if named[0].sort == 'type' else 'function'} `{named[0].name}`"

    def _select_surroundings(self) -> tuple[str, str]:
        """Return the lines before and the lines after the piece to show.

        These are all lines of a short file; else none if a definition is rewritten, and the nearest ones otherwise.
        """
        count = self._chat.count_tokens
        if self._context >= _WHOLE_FILE_TOKENS and count(self.before + self.after) <= _WHOLE_FILE_TOKENS:
            return self.before, self.after
        known = definitions.select_within(definitions.list_definitions(self.piece.syntax), self.piece.span)
        if any(one.sort != "value" for one in known):
            return "", ""
        share = max(1, self._context) / _CONTEXT_TOKENS
        before = _take_nearest_lines(self.before, lambda kept: count(kept) <= _BEFORE_TOKENS * share, first=False)
        return before, _take_nearest_lines(self.after, lambda kept: count(kept) <= _AFTER_TOKENS * share, first=True)

    def _shows_all(self) -> bool:
        """Return whether the request shows the whole file."""
        return len(self._shown_before) == len(self.before) and len(self._shown_after) == len(self.after)


def build_follow_up(request: ChatRequest, reply: str, problem: str) -> ChatRequest:
    """Return `request` with the model's reply and a message about its `problem` added."""
    said = Message(Speaker.ASSISTANT, reply or "(nothing)")
    return replace(request, messages=(*request.messages, said, *prompting.build_messages("again", problem=problem)))


def _fence_section(text: str, title: str = "") -> str:
    """Return `text` between marks, labelled with `title`; "" for a blank text, whose section is left out."""
    return prompting.fence(text, title) if text.strip() else ""


def _take_nearest_lines(text: str, fits: Callable[[str], bool], *, first: bool) -> str:
    """Return as many lines of a text as `fits` allows: the first ones with `first`, else the last ones."""
    lines = text.splitlines(keepends=True)
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if fits("".join(lines[:middle] if first else lines[-middle:])):
            low = middle
        else:
            high = middle - 1
    return "".join(lines[:low] if first else lines[len(lines) - low :])
