"""Conversion from LSP: positions to code-point offsets, URIs to paths, change events to texts.

Only this module and `server.lsp.conversion.outgoing` count UTF-8 and UTF-16 units. Each position has an offset: one
after its line's end is taken as that end, one inside a character as the character's start, and one after the last line
as the end of the text. Start at `compute_offset`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from agents.suggestions import Trigger
from indexing.workspace.origins import find_origins, is_plain, parse_file_uri
from server.lsp.session.open_documents import OpenText

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexing.syntax.documents import Span

CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # in UTF-8, the bytes that do not begin a character
BEYOND_BMP = 0x10000
LOW_SURROGATES = range(0xDC00, 0xE000)
HIGH_SURROGATES = range(0xD800, 0xDC00)


def compute_offset(document: OpenText, position: types.Position, encoding: str) -> int:
    """Return the code-point offset of `position`, whose character is counted in units of `encoding`.

    `encoding` is "utf-8", "utf-16" or "utf-32".
    """
    start = document.lines.find_start(position.line)
    line = document.text[start : document.lines.find_start(position.line + 1)]
    if line.endswith(("\n", "\r")):
        line = line[:-2] if line.endswith("\r\n") else line[:-1]
    return start + min(_count_characters(line, position.character, encoding), len(line))


def compute_span(document: OpenText, span: types.Range, encoding: str) -> tuple[int, int]:
    """Return the code-point offsets [start, end) of a range; the ends of a backward range are swapped."""
    start, end = compute_offset(document, span.start, encoding), compute_offset(document, span.end, encoding)
    return min(start, end), max(start, end)


def parse_span(document: OpenText, plain: object, encoding: str) -> Span | None:
    """Return the code-point span of a range given as parsed JSON; None if `plain` is not a range."""
    from indexing.syntax.documents import Span  # noqa: PLC0415 (not before `initialize` is answered)

    try:
        start, end = ((plain[side]["line"], plain[side]["character"]) for side in ("start", "end"))  # type: ignore[index]
        span = types.Range(types.Position(*start), types.Position(*end))
        return Span(*compute_span(document, span, encoding))
    except (TypeError, KeyError, ValueError):
        return None


def apply_changes(
    document: OpenText, changes: Iterable[types.TextDocumentContentChangeEvent], version: int, encoding: str
) -> OpenText:
    """Return `document` after `changes`, applied one after the other, at the new `version`."""
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            document = document.with_text(change.text)
        else:
            document = document.with_replacement(*compute_span(document, change.range, encoding), change.text)
    return document.with_version(version)


def build_document(item: types.TextDocumentItem, *, notebook: str | None = None) -> OpenText:
    """Return the document that the editor opens with `item`; a cell of a notebook if `notebook` is its URI."""
    container = None if notebook is None else parse_file_uri(notebook)
    path = parse_file_uri(item.uri) if notebook is None else None
    origins = () if notebook is None else ((container,) if container is not None else ()) + find_origins(notebook)
    if path is None or not is_plain(item.uri):
        origins += find_origins(item.uri)
    language = choose_language(item.language_id, path or (origins[0] if origins else None))
    document = OpenText.of(item.uri, path, language, item.version, item.text, container=container)
    return replace(document, cell=notebook is not None, origins=tuple(dict.fromkeys(origins)))


def choose_language(language_id: str, path: Path | None) -> str:
    """Return Starling's name of a language, found by the editor's language id, else by the file's name."""
    from indexing.syntax import languages  # noqa: PLC0415 (8 ms that the answer to `initialize` need not wait for)

    language = languages.resolve_id(language_id)
    return languages.detect(path) if language == languages.TEXT and path is not None else language


def find_uri(params: object) -> str | None:
    """Return the URI of the document that a request is about, None if it names none.

    The URI is in LSP's field `textDocument`, in a code action's `data`, or in a command's argument.
    """
    if (document := getattr(params, "text_document", None)) is not None:
        return str(document.uri)
    arguments = getattr(params, "arguments", None) or [getattr(params, "data", None)]
    uri = arguments[0].get("uri") if isinstance(arguments[0], dict) else None
    return uri if isinstance(uri, str) else None


def convert_trigger(context: types.InlineCompletionContext) -> Trigger:
    """Return `INVOKED` if a person asked for the completion, `AUTOMATIC` if the editor did while typing."""
    invoked = context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    return Trigger.INVOKED if invoked else Trigger.AUTOMATIC


def _count_characters(line: str, units: int, encoding: str) -> int:
    """Return the number of whole characters in the first `units` code units of `line`.

    If the line has fewer units, the number may be larger than its length; the caller limits it.
    """
    if encoding == "utf-32" or line.isascii():
        return units
    if encoding == "utf-8":
        encoded = line.encode("utf-8", "surrogatepass")
        head = encoded[:units]
        begun = len(head.translate(None, CONTINUATION_BYTES))
        inside = len(encoded) > units and encoded[units] in CONTINUATION_BYTES
        return begun - inside
    # UTF-16: only characters beyond the basic plane have two units, and most lines have none
    if ord(max(line)) < BEYOND_BMP:
        return units
    encoded = line.encode("utf-16-le", "surrogatepass")[: 2 * units]
    head_text = encoded.decode("utf-16-le", "surrogatepass")
    cut = len(encoded) == 2 * units and head_text and ord(head_text[-1]) in HIGH_SURROGATES
    inside = bool(cut) and line[len(head_text) - 1] != head_text[-1]
    return len(head_text) - inside


def list_local_folders(folders: Iterable[types.WorkspaceFolder]) -> list[Path]:
    """Return the paths of the folders that are local, without duplicates."""
    paths = (parse_file_uri(folder.uri) for folder in folders)
    return list(dict.fromkeys(path for path in paths if path is not None))


def list_roots(params: types.InitializeParams) -> list[Path]:
    """Return the paths of the workspace's local folders; those of older clients are in `rootUri` or `rootPath`."""
    if params.workspace_folders:
        return list_local_folders(params.workspace_folders)
    root = parse_file_uri(params.root_uri) if params.root_uri else Path(params.root_path or "")
    return [root] if root is not None and root.is_absolute() else []
