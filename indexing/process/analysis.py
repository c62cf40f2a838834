"""One file or text into what the store keeps of it; also the program of the analysing processes.

An analysing process (`main`) answers one line of JSON per file with one line of JSON and the blob behind it, in order.
It is the only place where grammars meet files from disk: when one crashes, only this process dies, and its parent knows
the file. Never writes. Start at `analyze_file` and `analyze_text`.
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
    """What a text holds; `blob` is the work of `indexing.segments.analyze`."""

    language: str
    chunks: int
    symbols: int
    imports: tuple[Import, ...]
    blob: bytes


@dataclass(frozen=True, slots=True)
class FileAnalysis:
    """What a file holds; without `reason` and `unchanged` it is to be stored with its blob.

    Attributes:
        reason: why the file is left out, "" when it is not.
        unchanged: its content has the digest that was asked about; nothing else was done.
        digest: of its bytes.
        mtime_ns: its modification time when it was read.
        size: its size in bytes.
        language: our name of its language.
        chunks: number of its chunks.
        symbols: number of its definitions.
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
    """Parse and cut `text`; with `plain`, or without a grammar, into windows only. `alone` in a process of its own."""
    from indexing.segments import analyze  # noqa: PLC0415  # numpy: 77 ms that `initialize` must not wait for

    outline = symbols.Outline()
    grammar = None if plain else grammars.load(language)
    if grammar is not None and not texts.is_too_nested(data := texts.encode(text)):
        tree = grammar.parse_whole(data) if alone else grammar.parse(data)
        outline = symbols.outline(tree, data, grammar) if tree is not None else outline
    pieces = chunks.cut(text, outline.symbols)
    blob = analyze(text, pieces, outline.symbols, outline.imports, language)
    return Analysis(language, len(pieces), len(outline.symbols), outline.imports, blob)


def analyze_file(
    path: Path, limits: IndexLimits, *, known_digest: str = "", plain: bool = False, waived: Collection[str] = ()
) -> tuple[FileAnalysis, bytes]:
    """Read and analyse the file at `path`; never fails: what cannot be read has the reason "unreadable"."""
    try:
        data, found = read_regular(path, limits.max_file_bytes + 1)
    except OSError:
        return FileAnalysis("unreadable"), b""
    digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
    base = FileAnalysis(digest=digest, mtime_ns=found.st_mtime_ns, size=found.st_size)
    if digest == known_digest:
        return _with(base, unchanged=True), b""
    if reason := built_in_reasons.content_reason(data, limits, path.name, waived):
        return _with(base, reason=reason), b""
    text = texts.decode(data)
    result = analyze_text(text, languages.detect(path, text), plain=plain, alone=True)
    return _with(base, language=result.language, chunks=result.chunks, symbols=result.symbols), result.blob


def _with(base: FileAnalysis, **changes: object) -> FileAnalysis:
    return FileAnalysis(**{**asdict(base), **changes})


def main() -> None:
    """Answer requests from standard input until it ends; the first line gives the limits."""
    gc.set_threshold(100_000)  # many small records without cycles: looking for some costs a tenth of the time
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    limits = IndexLimits(**json.loads(requests.readline() or "{}"))
    for line in requests:
        asked = json.loads(line)
        result, blob = analyze_file(
            Path(asked["path"]),
            limits,
            known_digest=asked["digest"],
            plain=bool(asked["plain"]),
            waived=asked["waived"],
        )
        head = json.dumps({**asdict(result), "bytes": len(blob)}).encode()
        try:
            answers.write(head + b"\n" + blob)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # the parent is gone, and nothing is left to be told to it
