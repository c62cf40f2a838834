"""What the index is asked and what it answers: chunks, queries, hits, recalled lines, progress.

Lines count from 0, spans are half-open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.syntax.documents import Span


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file that is ranked and shown as a whole.

    Attributes:
        span: where it stands.
        first_line: its first line, from 0.
        last_line: the line after its last, from 0.
        kind: "function", "class", "block" (by syntax) or "window" (sliding lines).
        name: qualified name of the definition it holds, "" for none.
    """

    span: Span
    first_line: int
    last_line: int
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for.

    Attributes:
        text: code or words; identifiers and their sub-tokens are what counts.
        path: absolute path of the file being edited; its imports raise what they name, and it is not searched itself.
        imported: names that the asking file imports (`Import.names`), for a higher rank of chunks that define them.
        modules: modules that the asking file imports, as written (`Import.module`); their files rank higher.
        near: code-point span of the document around the cursor that is not to be found again.
    """

    text: str
    path: Path | None = None
    imported: tuple[str, ...] = ()
    near: Span | None = None
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked piece of the workspace.

    Attributes:
        path: absolute.
        relative: workspace-relative, `/`-separated.
        first_line: from 0.
        last_line: the line after the last.
        text: whole lines, as they stand in the editor if the file is open, else on disk when it was indexed.
        score: higher is better; comparable within one answer only.
        name: qualified name of what it defines, "" for none.
    """

    path: Path
    relative: str
    first_line: int
    last_line: int
    text: str
    score: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What this workspace itself wrote after the same tokens as those before the cursor.

    Attributes:
        text: the continuation up to the end of the line (or of the block, when asked), ready to insert: indentation and
            renamed identifiers already adapted to the place.
        matched_tokens: length of the longest match before the cursor, in lexer tokens.
        agreement: its share of the votes among all matches of the place, 0 to 1.
        votes: how many places voted for it.
        same_file: whether the best match stands in the asking file itself.
        source: workspace-relative path of the best match.
        confidence: calibrated probability that the rest of the line is exactly this, 0 to 1; 0 when not known.
        column: where its line begins by the blocks around the best match, at a blank line; None when not known.
    """

    text: str
    matched_tokens: int
    agreement: float
    votes: int
    same_file: bool
    source: str
    confidence: float = 0.0
    column: int | None = None


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far indexing is: files done of files found so far; `finished` once nothing is left to do."""

    done: int
    total: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The state of the index in figures.

    Attributes:
        state: "off", "waiting" (another server does the work), "indexing", "ready" or "failed".
        files: files indexed.
        chunks: chunks indexed.
        symbols: definitions indexed.
        bytes_indexed: size of the indexed text on disk.
        skipped: number of files left out by reason ("binary", "too large", "generated", "secret", "unreadable", ...).
        by_language: indexed files by language.
        store_bytes: size of the index on disk.
        indexed_at: when the last full pass ended, seconds since the epoch; None before the first.
        problem: one sentence for a person, "" when all is well.
    """

    state: str
    files: int = 0
    chunks: int = 0
    symbols: int = 0
    bytes_indexed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    by_language: dict[str, int] = field(default_factory=dict)
    store_bytes: int = 0
    indexed_at: float | None = None
    problem: str = ""
