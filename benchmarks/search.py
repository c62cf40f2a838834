"""Time of a search and of a recall in one segment, which each keystroke pays for its context.

`measure` runs queries of 20 terms over 35,000 chunks, compared with SQLite FTS5; `measure_recall` asks for
continuations at random places of 10,000 files, and `measure_recall_with_libraries` also with libraries beside them.
Segments are built from windows of real files, without parsing them.
"""

from __future__ import annotations

import random
import re
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import workspaces
from benchmarks.record import Record, Reference, compute_percentile
from indexing import chunks
from indexing.libraries.library_segments import MOST_SEGMENTS
from indexing.records import Query
from indexing.segments import Segment, View, build
from indexing.storage import blobs
from indexing.storage.segment_files import SegmentFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CHUNKS = 35_000
FILES = 10_000
LIBRARY_BYTES = 100_000_000
TERMS = 20
QUERIES = 200
WORD = re.compile(r"[A-Za-z_]\w{2,}")


def read_texts(workspace: Path) -> Iterator[tuple[str, str]]:
    """Yield the relative path and the text of each Python file below 1 MB."""
    for path in workspaces.list_python_files(workspace, below_bytes=1_000_000):
        yield path.relative_to(workspace).as_posix(), path.read_text(encoding="utf-8", errors="surrogateescape")


def write_segment(texts: Iterable[tuple[str, str]], target: Path, *, most_chunks: int | None = None) -> Segment:
    """Write the segment of files (path and text), of at most `most_chunks` chunks, to `target` and open it."""

    def read_files() -> Iterator[SegmentFile]:
        """Yield the files, cut into chunks, up to the wanted number of chunks."""
        count = 0
        for number, (relative, text) in enumerate(texts):
            pieces = chunks.cut(text)
            if most_chunks is not None:
                if count == most_chunks:
                    break
                pieces = pieces[: most_chunks - count]
            count += len(pieces)
            yield SegmentFile(number, relative, 0.0, blobs.pack(text, pieces, (), "python"))

    build(target, read_files())
    return Segment.open(target)


def choose_queries(workspace: Path) -> list[list[str]]:
    """Return `QUERIES` queries, each the 20 words before a random place."""
    rng = random.Random(workspaces.SEED)  # noqa: S311 - a sample that repeats, no secret
    contents = [text for _, text in read_texts(workspace) if len(text) > 4000]
    found: list[list[str]] = []
    while len(found) < QUERIES:
        text = rng.choice(contents)
        at = rng.randrange(2000, len(text))
        words = list(dict.fromkeys(WORD.findall(text[at - 2000 : at])))[-TERMS:]
        if len(words) == TERMS:
            found.append(words)
    return found


def time_calls(ask: Callable[[int], object], count: int) -> list[float]:
    """Call `ask` with 0 to `count` - 1; return the milliseconds of each call but the first five."""
    taken = []
    for number in range(count):
        before = time.perf_counter()
        ask(number)
        taken.append(1000 * (time.perf_counter() - before))
    return taken[5:]


def open_full_text_search(view: View, segment: Segment) -> sqlite3.Connection:
    """Return a database in memory whose FTS5 table `chunks` has the chunks of `segment`."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE chunks USING fts5(body, tokenize = 'unicode61')")
    for file_id in segment.file_ids:
        key = ("", file_id)
        spans = [view.read_chunk(key, ordinal).span for ordinal in range(view.count_chunks(key))]
        bodies = [(view.read_text(key, span).encode("utf-8", "replace").decode(),) for span in spans]
        database.executemany("INSERT INTO chunks VALUES (?)", bodies)
    return database


def measure() -> Record:
    """Measure the time of queries of 20 terms over 35,000 chunks."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), 4000)
        segment = write_segment(read_texts(workspace), Path(scratch, "segment"), most_chunks=CHUNKS)
        view = View([("", segment)], {}, ())
        asked = choose_queries(workspace)
        ours = time_calls(lambda number: view.search(Query(" ".join(asked[number])), limit=10, deadline=None), QUERIES)
        database = open_full_text_search(view, segment)
        ranked = "SELECT rowid FROM chunks WHERE chunks MATCH ? ORDER BY rank LIMIT 10"
        theirs = time_calls(
            lambda number: database.execute(ranked, (" OR ".join(f'"{word}"' for word in asked[number]),)).fetchall(),
            QUERIES // 4,
        )
        database.close()
    return Record(
        what=f"a query of {TERMS} words over {segment.chunks} chunks in one segment, median",
        unit="ms",
        value=round(compute_percentile(ours, 50), 2),
        n=len(ours),
        reference=Reference("SQLite FTS5 over the same chunks, in memory", round(compute_percentile(theirs, 50), 2)),
        most=5.0,
        details={"p95": round(compute_percentile(ours, 95), 2), "segment_mb": round(segment.bytes / 1e6, 1)},
    )


def choose_places(view: View) -> list[tuple[tuple[str, int], str, int]]:
    """Return `QUERIES` random places in files of the root "" of `view`: the file's key, its text and the offset."""
    rng = random.Random(workspaces.SEED)  # noqa: S311 - a sample that repeats, no secret
    keys = sorted(key for _, key in view.iterate_paths())
    places: list[tuple[tuple[str, int], str, int]] = []
    while len(places) < QUERIES:
        key = rng.choice(keys)
        text = view.read_text(key)
        if len(text) > 2000:
            places.append((key, text, rng.randrange(1000, len(text))))
    return places


def time_recall(view: View, places: Sequence[tuple[tuple[str, int], str, int]]) -> list[float]:
    """Recall a continuation at each place; return the milliseconds of each call but the first five."""

    def ask(number: int) -> object:
        """Recall a continuation at the place with this number."""
        key, text, at = places[number]
        end = text.find("\n", at)
        rest = text[end:] if end >= 0 else ""
        return view.recall(text[:at], rest, own=key, whole_block=False, limit=5, deadline=None)

    return time_calls(ask, len(places))


def measure_recall() -> Record:
    """Measure the time of recall at random places of 10,000 files."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), FILES)
        before = time.perf_counter()
        segment = write_segment(read_texts(workspace), Path(scratch, "segment"))
        built_s = time.perf_counter() - before
        view = View([("", segment)], {}, ())
        taken = time_recall(view, choose_places(view))
    return Record(
        what=f"recalling a line at random places of {len(segment.file_ids)} files, 95th percentile",
        unit="ms",
        value=round(compute_percentile(taken, 95), 2),
        n=len(taken),
        most=3.0,
        details={
            "p50": round(compute_percentile(taken, 50), 2),
            "tokens": int(segment.arrays.meta["tokens"]),
            "segment_mb": round(segment.bytes / 1e6, 1),
            "read_cut_and_build_s": round(built_s, 1),
        },
    )


def measure_recall_with_libraries() -> Record:
    """Measure the time of recall at random places of 10,000 files with libraries of 100 MB beside them.

    The libraries have as many segments as a workspace may search (`library_segments.MOST_SEGMENTS`).
    """
    with tempfile.TemporaryDirectory() as scratch:
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), 2 * FILES)
        texts = list(read_texts(workspace))
        own = write_segment(texts[::2], Path(scratch, "segment"))
        parts: list[list[tuple[str, str]]] = [[] for _ in range(MOST_SEGMENTS)]
        size = 0
        for number, (relative, text) in enumerate(texts[1::2]):
            size += len(text)
            if size > LIBRARY_BYTES:
                break
            parts[min(number % 6, MOST_SEGMENTS - 1)].append((relative, text))  # of unequal sizes
        libraries = [
            (f"library:{n}", write_segment(part, Path(scratch, f"library{n}"))) for n, part in enumerate(parts)
        ]
        alone, beside = View([("", own)], {}, ()), View([("", own)], {}, (), libraries)
        places = choose_places(alone)
        taken = {name: time_recall(view, places) for name, view in (("alone", alone), ("beside", beside))}
    return Record(
        what=f"recalling a line at random places of {len(own.file_ids)} files with libraries beside, 95th percentile",
        unit="ms",
        value=round(compute_percentile(taken["beside"], 95), 2),
        n=len(taken["beside"]),
        most=3.0,
        details={
            "p50": round(compute_percentile(taken["beside"], 50), 2),
            "p95_without_libraries": round(compute_percentile(taken["alone"], 95), 2),
            "library_characters": min(size, LIBRARY_BYTES),
            "library_segments": len(libraries),
            "library_segments_mb": round(sum(segment.bytes for _, segment in libraries) / 1e6, 1),
        },
    )
