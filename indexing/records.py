"""Records of the index: chunks, queries, hits, recalled lines, progress and status.

Lines count from 0; spans are half-open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.syntax.documents import Span
    from indexing.vectors.vector_store import IndexNote


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file, the unit of ranking and of results.

    Attributes:
        span: its code points.
        first_line: its first line, from 0.
        last_line: the line after its last, from 0.
        kind: "function", "class", "block" (by syntax) or "window" (sliding lines).
        name: qualified name of its definition; "" for none.
    """

    span: Span
    first_line: int
    last_line: int
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A search query.

    Attributes:
        text: code or words; its identifiers and their parts are searched.
        path: absolute path of the edited file, which is not searched itself.
        imported: names that the edited file imports (`Import.names`); chunks that define them rank higher.
        modules: modules that the edited file imports, as written (`Import.module`); their files rank higher.
        near: code-point span of the document around the cursor that is not to be found again.
        meaning: whether the text is what somebody says about code, so that code is also searched by meaning.
    """

    text: str
    path: Path | None = None
    imported: tuple[str, ...] = ()
    near: Span | None = None
    modules: tuple[str, ...] = ()
    meaning: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A result of a search.

    Attributes:
        path: absolute path.
        relative: workspace-relative path, separated by "/".
        first_line: from 0.
        last_line: the line after the last.
        text: its lines, from the editor if the file is open, else as they were indexed.
        score: higher is better; comparable within one answer only.
        name: qualified name of its definition; "" for none.
        is_library: whether its file is one of an installed library, which nothing may change; `relative` is then the
            path by which code imports it, and `text` as it was indexed.
    """

    path: Path
    relative: str
    first_line: int
    last_line: int
    text: str
    score: float
    name: str = ""
    is_library: bool = False


@dataclass(frozen=True, slots=True)
class Recalled:
    """A continuation that the workspace has after the same tokens as those before the cursor.

    Attributes:
        text: the text to insert, up to the end of the line or, on request, of the block, with indentation and renamed
            identifiers adapted to the cursor.
        matched_tokens: length of the longest match before the cursor, in lexer tokens.
        agreement: its share of the votes of all matches, 0 to 1.
        votes: number of matches with this continuation.
        same_file: whether the best match is in the edited file.
        source: workspace-relative path of the best match; for one in the edited text, its file name or URI.
        confidence: calibrated probability that the rest of the line is exactly `text`, 0 to 1; 0 if it is not known.
        column: column of its line if the cursor is on a blank line; None if it is not known.
        is_library: whether all matches are in installed libraries.
    """

    text: str
    matched_tokens: int
    agreement: float
    votes: int
    same_file: bool
    source: str
    confidence: float = 0.0
    column: int | None = None
    is_library: bool = False


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """Progress of indexing: files done, files found so far, and whether all work is finished."""

    done: int
    total: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """State and figures of the index of installed libraries.

    Attributes:
        state: "off", "indexing", "ready", or "none" if no package is indexed.
        packages: name and version of each indexed package, in the order of use.
        files: files indexed.
        bytes_indexed: size of these files.
        store_bytes: size of the index of the libraries of all workspaces on the disk.
        left_out: numbers of files and packages that are not indexed, by reason.
        problem: one sentence for a person; "" for none.
    """

    state: str = "off"
    packages: tuple[str, ...] = ()
    files: int = 0
    bytes_indexed: int = 0
    store_bytes: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SearchQuality:
    """Figures of a workspace's search by meaning, measured with its own functions.

    Attributes:
        n: number of queries, each with one right answer; 0 for too few, and then all else is empty.
        recall: share of the queries whose answer is among the first K, for each K.
        precision: share of right answers among the first K, for each K; at most 1/K, since there is one right answer.
        mrr: mean reciprocal rank.
    """

    n: int = 0
    recall: tuple[tuple[int, float], ...] = ()
    precision: tuple[tuple[int, float], ...] = ()
    mrr: float | None = None


@dataclass(frozen=True, slots=True)
class VectorStatus:
    """State and figures of search by meaning.

    Attributes:
        model: the embedding model; "" for none, and then all else is empty.
        vectors: number of stored vectors.
        share: share of the pieces of code that have a vector, 0 to 1; None until they have been counted.
        problem: one sentence for a person; "" for none.
        fetched: number of vectors that another server computed, since the start.
        sharing: why vectors are not shared with other servers, one sentence; "" if they are, or nothing is shared.
        servers: the notes of all servers about this workspace, of a shared database; the newest first.
        lag_s: freshness: seconds since the oldest change whose vectors are missing was noticed; 0 for none.
        quality: how well functions are found by their descriptions; None until that was measured.
    """

    model: str = ""
    vectors: int = 0
    share: float | None = None
    problem: str = ""
    fetched: int = 0
    sharing: str = ""
    servers: tuple[IndexNote, ...] = ()
    lag_s: float = 0.0
    quality: SearchQuality | None = None


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """State and figures of the index.

    Attributes:
        state: "off", "waiting" (another server does the work), "indexing", "ready" or "failed".
        files: files indexed.
        chunks: chunks indexed.
        symbols: definitions indexed.
        bytes_indexed: size of the indexed text on disk.
        skipped: number of excluded files by reason ("binary", "too large", "secret", ...); also of those indexed
            "without syntax".
        by_language: indexed files by language.
        store_bytes: size of the index on disk.
        indexed_at: when the last full pass ended, seconds since the epoch; None before the first.
        problem: one sentence for a person; "" for none.
        libraries: the same of installed libraries.
        vectors: the same of search by meaning.
        coverage: share of the files to index that are indexed, from 0 to 1; None without such files. Files that are
            left out on purpose do not count, those that a limit or an error left out do.
        lag_s: seconds since the oldest change that is not indexed yet; 0 for none, and where another server indexes.
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
    libraries: LibraryStatus = field(default_factory=LibraryStatus)
    vectors: VectorStatus = field(default_factory=VectorStatus)
    coverage: float | None = None
    lag_s: float = 0.0
