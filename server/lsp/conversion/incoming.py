"""From LSP to our own words: positions to code-point offsets, URIs to paths, changes to texts.

One of the two modules that count UTF-8 and UTF-16 units (the other is `server.lsp.conversion.outgoing`). Never fails
on a position: one behind its line's end means that end, one inside a character means the character's begin, a line
behind the last means the end of the text. Start at `offset_of`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from agents.suggestions import Trigger
from indexing.workspace.origins import find_origins, is_plain, path_of
from server.lsp.session.open_documents import OpenText

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexing.syntax.documents import Span

CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # UTF-8: bytes that begin no character
BEYOND_BMP = 0x10000
LOW_SURROGATES = range(0xDC00, 0xE000)
HIGH_SURROGATES = range(0xD800, 0xDC00)


def offset_of(document: OpenText, position: types.Position, encoding: str) -> int:
    """The code-point offset of `position`, whose character counts units of `encoding` ("utf-8", "utf-16", "utf-32")."""
    start = document.lines.find_start(position.line)
    line = document.text[start : document.lines.find_start(position.line + 1)]
    if line.endswith(("\n", "\r")):
        line = line[:-2] if line.endswith("\r\n") else line[:-1]
    return start + min(_characters(line, position.character, encoding), len(line))


def span_of(document: OpenText, span: types.Range, encoding: str) -> tuple[int, int]:
    """Code-point offsets [start, end) of a range; one that runs backwards is turned round."""
    start, end = offset_of(document, span.start, encoding), offset_of(document, span.end, encoding)
    return min(start, end), max(start, end)


def span_of_plain(document: OpenText, plain: object, encoding: str) -> Span | None:
    """A range as it stands in JSON; None for anything else."""
    from indexing.syntax.documents import Span  # noqa: PLC0415 (not before `initialize` is answered)

    try:
        start, end = ((plain[side]["line"], plain[side]["character"]) for side in ("start", "end"))  # type: ignore[index]
        span = types.Range(types.Position(*start), types.Position(*end))
        return Span(*span_of(document, span, encoding))
    except (TypeError, KeyError, ValueError):
        return None


def changed(
    document: OpenText, changes: Iterable[types.TextDocumentContentChangeEvent], version: int, encoding: str
) -> OpenText:
    """The document after `changes`, each of which counts in the text that the one before it left."""
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            document = document.with_text(change.text)
        else:
            document = document.with_replacement(*span_of(document, change.range, encoding), change.text)
    return document.with_version(version)


def opened(item: types.TextDocumentItem, *, notebook: str | None = None) -> OpenText:
    """A document, or a cell of the notebook of that URI, as the editor opens it."""
    container = None if notebook is None else path_of(notebook)
    path = path_of(item.uri) if notebook is None else None
    origins = () if notebook is None else ((container,) if container is not None else ()) + find_origins(notebook)
    if path is None or not is_plain(item.uri):
        origins += find_origins(item.uri)
    language = language_of(item.language_id, path or (origins[0] if origins else None))
    document = OpenText.of(item.uri, path, language, item.version, item.text, container=container)
    return replace(document, cell=notebook is not None, origins=tuple(dict.fromkeys(origins)))


def language_of(language_id: str, path: Path | None) -> str:
    """Our name of a language: by the editor's name of it, else by the file's name."""
    from indexing.syntax import languages  # noqa: PLC0415 (8 ms that the answer to `initialize` need not wait for)

    language = languages.resolve_id(language_id)
    return languages.detect(path) if language == languages.TEXT and path is not None else language


def uri_of(params: object) -> str | None:
    """The document that a request is about: named by LSP's own field, by a chosen action, or by a command's object."""
    if (document := getattr(params, "text_document", None)) is not None:
        return str(document.uri)
    arguments = getattr(params, "arguments", None) or [getattr(params, "data", None)]
    uri = arguments[0].get("uri") if isinstance(arguments[0], dict) else None
    return uri if isinstance(uri, str) else None


def trigger_of(context: types.InlineCompletionContext) -> Trigger:
    """What made the editor ask."""
    invoked = context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    return Trigger.INVOKED if invoked else Trigger.AUTOMATIC


def _characters(line: str, units: int, encoding: str) -> int:
    """How many whole characters of `line` its first `units` code units hold."""
    if encoding == "utf-32" or line.isascii():
        return units
    if encoding == "utf-8":
        encoded = line.encode("utf-8", "surrogatepass")
        head = encoded[:units]
        begun = len(head.translate(None, CONTINUATION_BYTES))
        inside = len(encoded) > units and encoded[units] in CONTINUATION_BYTES
        return begun - inside
    # UTF-16: of two units only characters beyond the basic plane; seldom any, so they are looked for first
    if ord(max(line)) < BEYOND_BMP:
        return units
    encoded = line.encode("utf-16-le", "surrogatepass")[: 2 * units]
    head_text = encoded.decode("utf-16-le", "surrogatepass")
    cut = len(encoded) == 2 * units and head_text and ord(head_text[-1]) in HIGH_SURROGATES
    inside = bool(cut) and line[len(head_text) - 1] != head_text[-1]
    return len(head_text) - inside


def folders_of(folders: Iterable[types.WorkspaceFolder]) -> list[Path]:
    """The folders that are on this disk, each once."""
    paths = (path_of(folder.uri) for folder in folders)
    return list(dict.fromkeys(path for path in paths if path is not None))


def roots_of(params: types.InitializeParams) -> list[Path]:
    """The workspace's folders; older clients know one at most, and name it in one of two ways."""
    if params.workspace_folders:
        return folders_of(params.workspace_folders)
    root = path_of(params.root_uri) if params.root_uri else Path(params.root_path or "")
    return [root] if root is not None and root.is_absolute() else []
