r"""From our own words to LSP: offsets to positions, suggestions to items of either kind of completion.

One of the two modules that count UTF-8 and UTF-16 units (the other is `server.lsp.conversion.incoming`). Line ends in
what is sent are always `\n`: editors keep them in the document's own way, and those that hold lines without ends would
show a `\r`. Start at `inline_items`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.suggestions import Completion, Suggestion
    from server.lsp.session.open_documents import OpenText

ACCEPTED_COMMAND = "starling.completion.accepted"
WORD_END = re.compile(r"\w*\Z")
LABEL_CHARACTERS = 60


def position_of(document: OpenText, offset: int, encoding: str) -> types.Position:
    """The position of a code-point offset, its character counted in units of `encoding`."""
    line = document.lines.find_line(offset)
    before = document.text[document.lines.find_start(line) : offset]
    return types.Position(line, _units(before, encoding))


def range_of(document: OpenText, start: int, end: int, encoding: str) -> types.Range:
    """The range of [start, end)."""
    return types.Range(position_of(document, start, encoding), position_of(document, end, encoding))


def plain_range(span: types.Range) -> dict[str, dict[str, int]]:
    """A range as it stands in JSON, for what travels in `data` and in arguments."""
    return {
        "start": {"line": span.start.line, "character": span.start.character},
        "end": {"line": span.end.line, "character": span.end.character},
    }


def inline_items(completion: Completion, document: OpenText, encoding: str) -> types.InlineCompletionList:
    """Items of `textDocument/inlineCompletion`, best first."""
    return types.InlineCompletionList(
        items=[
            types.InlineCompletionItem(
                insert_text=_newlines(suggestion.text),
                range=span,
                command=_accepted(suggestion),
            )
            for suggestion, span in _on_one_line(completion, document, encoding)
        ]
    )


def popup_items(completion: Completion, document: OpenText, offset: int, encoding: str) -> types.CompletionList:
    """Items of the ordinary `textDocument/completion`.

    Editors filter these by the word before the cursor, so each item replaces that word by itself and what follows.
    """
    items = []
    for suggestion, span in _on_one_line(completion, document, encoding):
        head = document.text[document.lines.find_start(document.lines.find_line(offset)) : suggestion.start]
        word = found.group() if (found := WORD_END.search(head)) else ""
        text = word + _newlines(suggestion.text)
        first = text.split("\n", 1)[0]
        label = first.strip() or text.strip().split("\n", 1)[0]
        items.append(
            types.CompletionItem(
                label=label if len(label) <= LABEL_CHARACTERS else label[: LABEL_CHARACTERS - 1] + "…",
                kind=types.CompletionItemKind.Text,
                detail=f"Starling, {suggestion.confidence:.0%}",
                documentation=types.MarkupContent(kind=types.MarkupKind.PlainText, value=text)
                if "\n" in text
                else None,
                filter_text=first,
                sort_text="0",
                insert_text_format=types.InsertTextFormat.PlainText,
                insert_text_mode=types.InsertTextMode.AsIs,  # or the editor would indent our lines a second time
                text_edit=types.TextEdit(
                    types.Range(position_of(document, suggestion.start - len(word), encoding), span.end), text
                ),
                command=_accepted(suggestion),
            )
        )
    return types.CompletionList(is_incomplete=True, items=items)


def _on_one_line(completion: Completion, document: OpenText, encoding: str) -> Iterator[tuple[Suggestion, types.Range]]:
    """Suggestions with their ranges; LSP allows none that begins and ends on different lines."""
    for suggestion in completion.suggestions:
        span = range_of(document, suggestion.start, suggestion.end, encoding)
        if span.start.line == span.end.line:
            yield suggestion, span


def _accepted(suggestion: Suggestion) -> types.Command:
    """What the client runs on acceptance; says too how the suggestion was made, for whoever wants to show it."""
    made = {"origin": str(suggestion.origin), "confidence": round(suggestion.confidence, 4), "model": suggestion.model}
    return types.Command(title="Accepted", command=ACCEPTED_COMMAND, arguments=[{"id": suggestion.id, **made}])


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _units(text: str, encoding: str) -> int:
    """Number of code units of `text`; a lone surrogate counts as editors count it, one unit or three bytes."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
