"""Measurement of a workspace's search by meaning with its own functions: descriptions as queries, the code as answers.

A query is the first paragraph of a function's docstring; its answer is the function without the docstring, ranked by
vectors alone among all other pieces of the workspace. Pieces that overlap the function have the docstring, so they do
not count. Search by words is not measured: it would find the docstring itself. The figures are defined as in
`tests/eval/`, but other functions keep their docstrings, so that they are lower than those tables. Start at `measure`.
"""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from indexing.records import SearchQuality
from indexing.syntax import languages
from indexing.vectors import codes
from indexing.vectors.pieces import describe_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from indexing.segments import FileKey, View
    from indexing.syntax.documents import Span

MOST_FUNCTIONS = 100
MOST_OF_A_FILE = 3
MOST_FILES = 2_000  # that are read in search of functions
LEAST_FUNCTIONS = 5  # fewer say nothing
LEAST_WORDS = 3
DEPTH = 100  # ranks looked at; a function beyond them counts as not found
CUTOFFS = (1, 5, 10)
_BATCH = 8
_QUOTES = re.compile(r"""\s*[rRuU]?(\"\"\"|''')""")
_HEAD_LINES = 20


@dataclass(frozen=True, slots=True)
class Described:
    """A function with a docstring.

    Attributes:
        key: its file.
        span: its code points.
        query: the first paragraph of its docstring.
        answer: the text that the model sees of the function without its docstring.
    """

    key: FileKey
    span: Span
    query: str
    answer: str


def split_docstring(text: str) -> tuple[str, str] | None:
    """Return the first paragraph of the docstring of a function, and the function without it; None without one."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines[1:_HEAD_LINES], 1):
        begun = _QUOTES.match(line)
        if begun is None:
            continue
        if not lines[number - 1].split("#")[0].rstrip().endswith(":"):
            return None
        start = sum(map(len, lines[:number]))
        end = text.find(begun[1], start + begun.end())
        if end < 0:
            return None
        paragraph = text[start + begun.end() : end].strip().split("\n\n")[0]
        return " ".join(paragraph.split()), text[:start] + text[end + 3 :].lstrip("\n")
    return None


def list_described(
    view: View, keys: Collection[FileKey], may_go_on: Callable[[], bool] = lambda: True
) -> Iterator[Described]:
    """Yield up to `MOST_FUNCTIONS` functions with docstrings of the files `keys`, always in the same order.

    `may_go_on` is called before each file is read; false ends it.
    """
    count = 0
    order = sorted(keys)
    random.Random(0).shuffle(order)  # noqa: S311 (a sample)
    for key in order[:MOST_FILES]:
        if not may_go_on():
            return
        relative = view.read_relative_path(key)
        if not languages.get(languages.detect_by_name(PurePath(relative).name)).docstrings:
            continue
        text = view.read_text(key)
        taken = 0
        for ordinal in range(view.count_chunks(key)):
            chunk = view.read_chunk(key, ordinal)
            found = split_docstring(text[chunk.span.start : chunk.span.end]) if chunk.kind == "function" else None
            if found is None or len(re.findall(r"\w+", found[0])) < LEAST_WORDS or not found[1].strip():
                continue
            yield Described(key, chunk.span, found[0], describe_piece(relative, chunk.name, found[1]))
            taken, count = taken + 1, count + 1
            if count == MOST_FUNCTIONS:
                return
            if taken == MOST_OF_A_FILE:
                break


def measure(  # noqa: PLR0913 (each is one dependency)
    view: View,
    keys: Collection[FileKey],
    compute: Callable[[Sequence[str]], NDArray[np.float32]],
    find_nearest: Callable[[NDArray[np.float32], int], Sequence[tuple[FileKey, int, float]]],
    *,
    wait: Callable[[], bool],
    deadline: float,
) -> SearchQuality | None:
    """Return the figures for the files `keys`; with `n` 0 for too few functions, None if `wait` ended it.

    Args:
        view: the files.
        keys: the files that a model may see.
        compute: returns the vectors of texts.
        find_nearest: returns pieces near to a vector, the nearest first: file, ordinal of the chunk, and score.
        wait: is called before each file and each batch; returns false to end.
        deadline: moment of `time.monotonic` after which the figures are those of the queries until then.
    """
    chosen = list(list_described(view, keys, lambda: wait() and time.monotonic() < deadline))
    if not wait():
        return None
    if len(chosen) < LEAST_FUNCTIONS:
        return SearchQuality()
    ranks: list[int] = []
    for start in range(0, len(chosen), _BATCH):
        if time.monotonic() >= deadline:
            break
        batch = chosen[start : start + _BATCH]
        if not wait():
            return None
        queries = compute([each.query for each in batch])
        if not wait():
            return None
        answers = codes.quantize(compute([each.answer for each in batch]))
        for number, (each, query) in enumerate(zip(batch, queries, strict=True)):
            (own,) = codes.score(answers.levels[number : number + 1], answers.scales[number : number + 1], query)
            ranks.append(_find_rank(view, each, float(own), find_nearest(query, 2 * DEPTH)))
    return compute_quality(ranks) if ranks else SearchQuality()


def _find_rank(view: View, each: Described, own: float, nearest: Sequence[tuple[FileKey, int, float]]) -> int:
    """Return the rank, from 1, of an answer with the score `own` among others; 0 beyond `DEPTH`."""
    rank = 1
    for key, ordinal, score in nearest:
        if score <= own:
            break
        span = view.read_chunk(key, ordinal).span
        if key != each.key or span.end <= each.span.start or each.span.end <= span.start:
            rank += 1
    return rank if rank <= DEPTH else 0


def compute_quality(ranks: Sequence[int]) -> SearchQuality:
    """Return the figures for the ranks of the one right answer of each query, 0 for an answer that was not found."""
    recalls = [sum(0 < rank <= cutoff for rank in ranks) / len(ranks) for cutoff in CUTOFFS]
    return SearchQuality(
        n=len(ranks),
        recall=tuple((cutoff, round(share, 4)) for cutoff, share in zip(CUTOFFS, recalls, strict=True)),
        precision=tuple((cutoff, round(share / cutoff, 4)) for cutoff, share in zip(CUTOFFS, recalls, strict=True)),
        mrr=round(sum(1 / rank for rank in ranks if rank) / len(ranks), 4),
    )
