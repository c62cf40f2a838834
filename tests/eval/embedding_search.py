"""Measurement of search by meaning: search by words, by the vectors of an embedding model, and by both.

`python -m tests.eval.embedding_search --model FOLDER` measures an installed embedding model (its folder below
`starling models list`), and with `--write` writes `embedding_search.csv` and `embedding_costs.csv`. Vectors are stored
in `.cache/eval/vectors/`, so a run that was stopped continues. Runs none of the packages' code. Kinds of queries:

- `description`: what the author of a function says about it, 200 functions a language. All descriptions that are asked
  for are taken out of the searched text.
- `description, other words`: those of them that share no word with the function's name.
- `code`: the 15 lines before a call of another file, as in `retrieval.py`.

Arms: `words` is today's search, `vectors` the embedding model alone, `both` their reciprocal rank fusion. For code,
`starling` is resolution, then words, as completion has it, and `starling, both` resolution, then both.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexing.records import Query
from indexing.segments import Ranked
from indexing.vectors import codes
from indexing.vectors.fusion import VECTORS, WORDS, fuse
from indexing.vectors.pieces import choose_pieces, describe_piece
from indexing.vectors.vector_file import make_record_type
from models.catalog.catalog import ENTRY_FILE, read_entry
from models.local.lazy_embedder import MOST_TOKENS
from models.local.loading import load_embedder
from tests.eval import data, retrieval, retrieval_typescript, tables, typescript_packages
from tests.eval.described_functions import list_described, move_line, remove_descriptions
from tests.eval.metrics import SEED, compute_percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from models.embedding import Embedder
    from tests.eval.described_functions import Described
    from tests.eval.retrieval import Sampled, Site, Workspace
    from tests.eval.tables import Cell

TABLE = "embedding_search.csv"
COSTS = "embedding_costs.csv"
QUERIES = 200  # of descriptions, a language
CUTOFFS = (1, 5, 10)
THREADS = 2
BATCH = 64
DEPTH = retrieval.DEPTH
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

Ranks = dict[tuple[str, str, str, str], list[int]]
"""The rank of the answer of each query, by language, kind, split and arm."""


@dataclass(frozen=True)
class Asked:
    """A query in natural language, and the function that it describes (file and line, from 0)."""

    text: str
    target: str
    target_line: int
    name: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of queries that it belongs to."""
        words = {_stem(word) for word in _WORD.findall(self.text)}
        other = words.isdisjoint(_stem(word) for word in _WORD.findall(self.name))
        return ("description", "description, other words") if other else ("description",)


@dataclass
class Costs:
    """Costs of the vectors of a run, in seconds and tokens; vectors that were stored before are not counted."""

    pieces: int = 0
    tokens: int = 0
    embedding_s: float = 0.0
    query_s: list[float] = field(default_factory=list)
    words_s: list[float] = field(default_factory=list)
    search_s: list[float] = field(default_factory=list)


class StoredEmbedder:
    """An embedding model whose vectors are stored in a file, by the text's hash."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self._embedder, self._path = embedder, path
        self.costs = Costs()
        self._known: dict[bytes, NDArray[np.float32]] = {}
        if path.exists():
            written = path.read_bytes()
            width = int.from_bytes(written[:4], "little")
            size = 16 + 4 * width
            for start in range(4, len(written) - size + 1, size):
                record = written[start : start + size]
                self._known[record[:16]] = np.frombuffer(record[16:], dtype=np.float32)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of `texts`, in order; shape (texts, width). Stores those that are new."""
        hashes = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        missing = {each: text for each, text in zip(hashes, texts, strict=True) if each not in self._known}
        names = list(missing)
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            begun = time.perf_counter()
            made = self._embedder.embed([missing[name] for name in part])
            self.costs.embedding_s += time.perf_counter() - begun
            self.costs.pieces += len(part)
            self.costs.tokens += made.tokens
            vectors = np.array(made.vectors, dtype=np.float32)
            self._store(part, vectors)
        return np.array([self._known[each] for each in hashes], dtype=np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a query, computed anew, and count its time."""
        begun = time.perf_counter()
        made = self._embedder.embed([text])
        self.costs.query_s.append(time.perf_counter() - begun)
        return np.array(made.vectors[0], dtype=np.float32)

    def _store(self, names: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Keep vectors by their hashes `names`, in memory and in the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            if file.tell() == 0:
                file.write(vectors.shape[1].to_bytes(4, "little"))
            for name, vector in zip(names, vectors, strict=True):
                file.write(name + vector.tobytes())
        self._known.update(zip(names, vectors, strict=True))


class Vectors:
    """The vectors of the pieces of a workspace, quantized and searched as in the product."""

    def __init__(self, workspace: Workspace, embedder: StoredEmbedder) -> None:
        self._view, self._embedder = workspace.view, embedder
        self._pieces: list[tuple[tuple[str, int], int]] = []
        texts = []
        for relative, key in workspace.keys.items():
            chunks = [self._view.read_chunk(key, ordinal) for ordinal in range(self._view.count_chunks(key))]
            for ordinal in choose_pieces(chunks):
                self._pieces.append((key, ordinal))
                text = self._view.read_text(key, chunks[ordinal].span)
                texts.append(describe_piece(relative, chunks[ordinal].name, text))
        self._codes = codes.quantize(embedder.embed(texts))

    def search(self, text: str, own: tuple[str, int] | None = None) -> list[Ranked]:
        """Return the pieces outside of the file `own` that are nearest to `text`, nearest first; none twice."""
        query = self._embedder.embed_query(text)
        begun = time.perf_counter()
        rows = codes.find_candidates(self._codes.signs.T, codes.quantize(query[None, :]).signs[0], 4 * DEPTH)
        scores = codes.score(self._codes.levels[rows], self._codes.scales[rows], query)
        order = np.argsort(-scores, kind="stable").tolist()
        found = [Ranked(*self._pieces[rows[at]], float(scores[at])) for at in order]
        ranked = self.fuse([], [each for each in found if each.key != own])
        self._embedder.costs.search_s.append(time.perf_counter() - begun)
        return ranked

    def fuse(self, words: Sequence[Ranked], nearest: Sequence[Ranked]) -> list[Ranked]:
        """Return the fusion of the rankings by words and by vectors, best first."""
        placed = []
        for votes, ranking in ((WORDS, words), (VECTORS, nearest)):
            spans = [self._view.read_chunk(each.key, each.chunk).span for each in ranking]
            places = [(each.key, span.start, span.end) for each, span in zip(ranking, spans, strict=True)]
            placed.append((votes, list(zip(ranking, places, strict=True))))
        return [Ranked(each.key, each.chunk, score) for each, score in fuse(placed, DEPTH)]


def _stem(word: str) -> str:
    """Return the beginning of a word in lower case, so that its forms are the same."""
    return word.lower()[:5]


def list_descriptions(package: Sampled, language: str) -> list[tuple[str, Described]]:
    """Return the functions of a package that have a description, each with its file, in random order."""
    found = []
    for path in package.list_files():
        relative = path.relative_to(package.root).as_posix()
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        found += [(relative, each) for each in list_described(text, language)]
    random.Random(SEED).shuffle(found)  # noqa: S311 - a sample that repeats, no secret
    return found


def share_out(available: Sequence[int], total: int) -> list[int]:
    """Return numbers as equal as possible whose sum is `total`, or less if not so many are `available`."""
    shares = [0] * len(available)
    while total and any(share < most for share, most in zip(shares, available, strict=True)):
        for position, most in enumerate(available):
            if total and shares[position] < most:
                shares[position] += 1
                total -= 1
    return shares


def take_out(package: Sampled, chosen: Sequence[tuple[str, Described]]) -> tuple[list[Asked], dict[str, str]]:
    """Return the descriptions of `chosen` functions as queries, and the texts of their files without them."""
    asked, changed = [], {}
    for relative in dict.fromkeys(name for name, _ in chosen):
        removed = [each for name, each in chosen if name == relative]
        text = (package.root / relative).read_text(encoding="utf-8", errors="surrogateescape")
        changed[relative] = remove_descriptions(text, removed)
        asked += [Asked(each.description, relative, move_line(each.line, removed), each.name) for each in removed]
    return asked, changed


def measure_descriptions(
    package: Sampled, chosen: Sequence[tuple[str, Described]], embedder: StoredEmbedder, folder: Path
) -> dict[tuple[str, str], list[int]]:
    """Return the ranks of the answers for the descriptions of `chosen` functions, by kind and arm."""
    asked, changed = take_out(package, chosen)
    ranks: dict[tuple[str, str], list[int]] = {}
    if not asked:
        return ranks
    workspace = retrieval.Workspace.index(package, folder, changed)
    vectors = Vectors(workspace, embedder)
    for each in asked:
        begun = time.perf_counter()
        words = workspace.view.search(Query(each.text), limit=DEPTH, deadline=None)
        embedder.costs.words_s.append(time.perf_counter() - begun)
        nearest = vectors.search(each.text)
        arms = {"words": words, "vectors": nearest, "both": vectors.fuse(words, nearest)}
        target = retrieval.Site("", 0, each.target, each.target_line)
        for arm, ranked in arms.items():
            for kind in each.kinds:
                ranks.setdefault((kind, arm), []).append(workspace.find_rank(target, ranked))
    return ranks


def measure_code(
    package: Sampled, sites: Sequence[Site], embedder: StoredEmbedder, folder: Path
) -> dict[tuple[str, str], list[int]]:
    """Return the ranks of the answers for the code before calls of other files, by kind and arm."""
    workspace = retrieval.Workspace.index(package, folder)
    vectors = Vectors(workspace, embedder)
    ranks: dict[tuple[str, str], list[int]] = {}
    for site in sites:
        words = workspace.search(site)
        nearest = vectors.search(workspace.make_query(site), own=workspace.keys[site.relative])
        both = vectors.fuse(words, nearest)
        text, offset = retrieval.cut_text(workspace.texts[site.relative], site)["starling"]
        arms = {
            "words": words,
            "vectors": nearest,
            "both": both,
            "starling": workspace.find_likely(site, text, offset),
            "starling, both": workspace.find_likely(site, text, offset, both),
        }
        for arm, ranked in arms.items():
            ranks.setdefault(("code", arm), []).append(workspace.find_rank(site, ranked))
    return ranks


def measure(
    embedder: StoredEmbedder, languages: Iterable[str], names: Sequence[str], kinds: Sequence[str], queries: int
) -> Ranks:
    """Return the ranks of all answers.

    Args:
        embedder: the model.
        languages: those to measure.
        names: names of the packages; empty for all.
        kinds: "description", "code" or both.
        queries: number of descriptions a language.
    """
    ranks: Ranks = {}
    for language in languages:
        listed: list[Sampled] = (
            [*retrieval.list_packages(None)] if language == "python" else [*typescript_packages.list_packages()]
        )
        packages = [each for each in listed if not names or each.name in names]
        described = [list_descriptions(each, language) if "description" in kinds else [] for each in packages]
        for package, found_there, limit in zip(
            packages, described, share_out([*map(len, described)], queries), strict=True
        ):
            print(package.root.name, file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                found = {}
                if "description" in kinds:
                    found |= measure_descriptions(package, found_there[:limit], embedder, Path(folder))
                if "code" in kinds:
                    loader = retrieval if language == "python" else retrieval_typescript
                    found |= measure_code(package, loader.load_sites(package), embedder, Path(folder))
            for (kind, arm), each in found.items():
                ranks.setdefault((language, kind, package.split, arm), []).extend(each)
    return ranks


def make_rows(ranks: Ranks) -> list[dict[str, Cell]]:
    """Return the rows of the table; of all splits and languages together come last.

    `mrr_more` is by how much the mean reciprocal rank is higher than that of `words` (for `starling, both`, of
    `starling`) for the same queries.
    """
    together: Ranks = {}
    for (language, kind, _, arm), found in ranks.items():
        together.setdefault((language, kind, "all", arm), []).extend(found)
    for (_, kind, _, arm), found in list(together.items()):
        together.setdefault(("all", kind, "all", arm), []).extend(found)
    everything = ranks | together
    rows = []
    for (language, kind, split, arm), found in sorted(everything.items(), key=lambda item: item[0][:3]):
        cells: dict[str, Cell] = {"language": language, "kind": kind, "split": split, "arm": arm, "n": len(found)}
        for cutoff in CUTOFFS:
            cells |= tables.format_interval(f"recall_{cutoff}", [float(0 < rank <= cutoff) for rank in found])
        cells |= tables.format_interval("precision_5", [float(0 < rank <= 5) / 5 for rank in found])
        cells |= tables.format_interval("mrr", [_invert(rank) for rank in found])
        base = everything[language, kind, split, "starling" if arm.startswith("starling") else "words"]
        more = [_invert(rank) - _invert(other) for rank, other in zip(found, base, strict=True)]
        rows.append(cells | tables.format_interval("mrr_more", [] if base is found else more))
    return rows


def _invert(rank: int) -> float:
    """Return the reciprocal of a rank; 0 for the rank 0, which stands for none."""
    return 1 / rank if rank else 0.0


def make_costs(model: str, costs: Costs, size: int) -> dict[str, Cell]:
    """Return the row of the table of costs, for vectors that take `size` bytes on the disk."""
    times: Mapping[str, Sequence[float]] = {
        "query_ms": costs.query_s,
        "words_ms": costs.words_s,
        "search_ms": costs.search_s,
    }
    return {
        "model": model,
        "threads": THREADS,
        "pieces": costs.pieces,
        "tokens_per_piece": round(costs.tokens / max(1, costs.pieces), 1),
        "pieces_per_s": round(costs.pieces / costs.embedding_s, 1) if costs.embedding_s else "",
        "bytes_per_piece": size,
        **{name: round(1000 * compute_percentile(values, 50), 2) for name, values in times.items()},
    }


def main() -> int:
    """Measure, print the rows, and write the tables on request; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--model", type=Path, required=True, help="folder of an installed embedding model")
    parser.add_argument("--language", nargs="*", default=["python", "typescript"])
    parser.add_argument("--package", nargs="*", default=[], help="only these packages")
    parser.add_argument("--kind", nargs="*", default=["description", "code"])
    parser.add_argument("--queries", type=int, default=QUERIES, help="descriptions a language")
    parser.add_argument("--tokens", type=int, default=MOST_TOKENS, help="most tokens of a piece that the model reads")
    parser.add_argument("--write", action="store_true", help="write the tables")
    options = parser.parse_args()
    entry = read_entry(options.model / ENTRY_FILE)
    if entry.context_tokens > options.tokens:
        entry = replace(entry, context_tokens=options.tokens)
    embedder = load_embedder(entry, device="cpu", threads=THREADS)
    stored = StoredEmbedder(embedder, data.CACHE / "vectors" / f"{entry.name}-{entry.context_tokens}.bin")
    rows = make_rows(measure(stored, options.language, options.package, options.kind, options.queries))
    retrieval.print_rows(rows)
    width = len(stored.embed_query("width"))
    costs = make_costs(entry.name, stored.costs, make_record_type(width).itemsize)
    retrieval.print_rows([costs])
    if options.write:
        tables.write_table(TABLE, rows)
        if costs["pieces"]:
            tables.write_table(COSTS, [costs])
    return 0


if __name__ == "__main__":
    sys.exit(main())
