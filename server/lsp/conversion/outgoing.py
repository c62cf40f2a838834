r"""Conversion to LSP: offsets to positions, suggestions to items of both kinds of completion.

Only this module and `server.lsp.conversion.incoming` count UTF-8 and UTF-16 units. Line ends in suggestions are always
sent as `\n`: editors convert them to the document's line ends, and some would show a `\r` as text. Start at
`build_inline_items`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from agents.suggestions import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.suggestions import Completion, Suggestion
    from server.lsp.session.open_documents import OpenText

ACCEPTED_COMMAND = "starling.completion.accepted"
EDIT_ACCEPTED_COMMAND = "starling.nextEdit.accepted"
WORD_END = re.compile(r"\w*\Z")
LABEL_CHARACTERS = 60


def compute_position(document: OpenText, offset: int, encoding: str) -> types.Position:
    """Return the position of a code-point offset, with the character in units of `encoding`."""
    line = document.lines.find_line(offset)
    before = document.text[document.lines.find_start(line) : offset]
    return types.Position(line, _count_units(before, encoding))


def compute_range(document: OpenText, start: int, end: int, encoding: str) -> types.Range:
    """Return the range of the code-point offsets [start, end)."""
    return types.Range(compute_position(document, start, encoding), compute_position(document, end, encoding))


def serialize_range(span: types.Range) -> dict[str, dict[str, int]]:
    """Return a range as a dictionary for JSON, for `data` and for arguments of commands."""
    return {
        "start": {"line": span.start.line, "character": span.start.character},
        "end": {"line": span.end.line, "character": span.end.character},
    }


def build_inline_items(completion: Completion, document: OpenText, encoding: str) -> types.InlineCompletionList:
    """Return the items of `textDocument/inlineCompletion`, best first, with the ranges that they replace.

    Suggestions that would replace text on several lines are left out, because LSP forbids them.
    """
    return types.InlineCompletionList(
        items=[
            types.InlineCompletionItem(
                insert_text=_normalize_newlines(suggestion.text),
                range=span,
                command=_make_accepted_command(suggestion),
            )
            for suggestion, span in _pair_with_ranges(completion, document, encoding)
        ]
    )


def build_popup_items(completion: Completion, document: OpenText, offset: int, encoding: str) -> types.CompletionList:
    """Return the items of `textDocument/completion`, which the editor shows in its popup.

    Editors filter them by the word before the cursor, which is at `offset`, so each item replaces that word with the
    word and the suggestion. Suggestions that would replace text on several lines are left out.
    """
    items = []
    for suggestion, span in _pair_with_ranges(completion, document, encoding):
        head = document.text[document.lines.find_start(document.lines.find_line(offset)) : suggestion.start]
        word = found.group() if (found := WORD_END.search(head)) else ""
        text = word + _normalize_newlines(suggestion.text)
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
                insert_text_mode=types.InsertTextMode.AsIs,  # or the editor would indent the lines again
                text_edit=types.TextEdit(
                    types.Range(compute_position(document, suggestion.start - len(word), encoding), span.end), text
                ),
                command=_make_accepted_command(suggestion),
            )
        )
    return types.CompletionList(is_incomplete=True, items=items)


def _pair_with_ranges(
    completion: Completion, document: OpenText, encoding: str
) -> Iterator[tuple[Suggestion, types.Range]]:
    """Yield the suggestions with the ranges they replace, except ranges over several lines, which LSP forbids."""
    for suggestion in completion.suggestions:
        span = compute_range(document, suggestion.start, suggestion.end, encoding)
        if span.start.line == span.end.line:
            yield suggestion, span


def _make_accepted_command(suggestion: Suggestion) -> types.Command:
    """Return the command that the client runs on acceptance, with facts about the suggestion that it may show."""
    made = {"origin": str(suggestion.origin), "confidence": round(suggestion.confidence, 4), "model": suggestion.model}
    command = EDIT_ACCEPTED_COMMAND if suggestion.origin is Origin.NEXT_EDIT else ACCEPTED_COMMAND
    return types.Command(title="Accepted", command=command, arguments=[{"id": suggestion.id, **made}])


def _normalize_newlines(text: str) -> str:
    r"""Return `text` with `\n` for every `\r\n` and `\r`."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _count_units(text: str, encoding: str) -> int:
    """Return the number of code units of `text`; a lone surrogate is one UTF-16 unit or three UTF-8 bytes."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
