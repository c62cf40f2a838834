"""The reference of the speed figures: the least that a pygls server can do, started as Starling is.

It answers `textDocument/inlineCompletion` with the text before the cursor and keeps documents as pygls does. Its time
is the cost of Python, pygls and the pipe, which is a lower bound for every server built on them.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("echo", "1")


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """Return the line up to the cursor as the only suggestion."""
    document = server.workspace.get_text_document(params.text_document.uri)
    line = document.lines[params.position.line] if params.position.line < len(document.lines) else ""
    text = line[: params.position.character]
    item = types.InlineCompletionItem(insert_text=text, range=types.Range(params.position, params.position))
    return types.InlineCompletionList(items=[item])


if __name__ == "__main__":
    server.start_io()
