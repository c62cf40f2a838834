"""Analysis of one file or text for the store; also the program of the analysing processes.

An analysing process (`main`) reads a line of JSON for each file and answers with a line of JSON and the blob, in order.
Files from disk are parsed only there: if a grammar crashes, only that process dies, and its parent knows the file.
Writes no file. Start at `analyze_file` and `analyze_text`.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing import chunks
from indexing.limits import IndexLimits
from indexing.syntax import grammars, languages, symbols, texts
from indexing.workspace import built_in_reasons
from indexing.workspace.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Collection

    from indexing.syntax.documents import Import

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Analysis:
    """The analysis of a text: language, numbers of chunks and symbols, imports, and the blob."""

    language: str
    chunks: int
    symbols: int
    imports: tuple[Import, ...]
    blob: bytes


@dataclass(frozen=True, slots=True)
class FileAnalysis:
    """The analysis of a file, which is stored with its blob unless it has a `reason` or is `unchanged`.

    Attributes:
        reason: why the file is excluded; "" if it is not.
        unchanged: the content has the known digest, so that it was not analysed.
        digest: hash of the content in hexadecimal.
        mtime_ns: modification time when it was read.
        size: in bytes.
        language: name of its language.
        chunks: number of chunks.
        symbols: number of definitions.
    """

    reason: str = ""
    unchanged: bool = False
    digest: str = ""
    mtime_ns: int = 0
    size: int = 0
    language: str = languages.TEXT
    chunks: int = 0
    symbols: int = 0


def analyze_text(text: str, language: str, *, plain: bool = False, alone: bool = False) -> Analysis:
    """Return the analysis of `text`: its definitions and imports if its language has a grammar, and its chunks.

    Args:
        text: the text.
        language: name of its language.
        plain: cut it into windows without parsing, as texts without a grammar are.
        alone: this process does nothing else, so that parsing may hold the interpreter's lock.
    """
    outline = symbols.Outline()
    grammar = None if plain else grammars.load(language)
    if grammar is not None and not texts.is_too_nested(data := texts.encode(text)):
        tree = grammar.parse_whole(data) if alone else grammar.parse(data)
        outline = symbols.outline(tree, data, grammar, signatures=False) if tree is not None else outline
    pieces = chunks.cut(text, outline.symbols)
    from indexing.storage import blobs  # noqa: PLC0415  # numpy takes 77 ms, which `initialize` must not wait for

    blob = blobs.pack(text, pieces, outline.symbols, language)
    return Analysis(language, len(pieces), len(outline.symbols), outline.imports, blob)


def analyze_file(
    path: Path, limits: IndexLimits, *, known_digest: str = "", plain: bool = False, waived: Collection[str] = ()
) -> tuple[FileAnalysis, bytes]:
    """Read and analyse the file at `path`; return the analysis and the blob.

    The blob is empty for an excluded or unchanged file. If reading fails, the reason is "unreadable".

    Args:
        path: the file.
        limits: bounds of size and line length.
        known_digest: hash of the stored version in hexadecimal; "" for none.
        plain: cut it without syntax.
        waived: reasons of its content that do not exclude it.
    """
    try:
        data, found = read_regular(path, limits.max_file_bytes + 1)
    except OSError:
        return FileAnalysis("unreadable"), b""
    digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
    base = FileAnalysis(digest=digest, mtime_ns=found.st_mtime_ns, size=found.st_size)
    if digest == known_digest:
        return _replace(base, unchanged=True), b""
    if reason := built_in_reasons.find_content_reason(data, limits, path.name, waived):
        return _replace(base, reason=reason), b""
    text = texts.decode(data)
    result = analyze_text(text, languages.detect(path, text), plain=plain, alone=True)
    return _replace(base, language=result.language, chunks=result.chunks, symbols=result.symbols), result.blob


def _replace(base: FileAnalysis, **changes: object) -> FileAnalysis:
    """Return a copy of `base` with `changes`."""
    return FileAnalysis(**{**asdict(base), **changes})


def main() -> None:
    """Analyse the file that each line of standard input names, and write the result; the first line has the limits."""
    gc.set_threshold(100_000)  # many small records without cycles, whose collection costs a tenth of the time
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    limits = IndexLimits(**json.loads(requests.readline() or "{}"))
    for line in requests:
        request = json.loads(line)
        result, blob = analyze_file(
            Path(request["path"]),
            limits,
            known_digest=request["digest"],
            plain=bool(request["plain"]),
            waived=request["waived"],
        )
        head = json.dumps({**asdict(result), "bytes": len(blob)}).encode()
        try:
            answers.write(head + b"\n" + blob)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # the parent is gone
