"""Measurement of search: how often it finds the definition that the next line calls; jedi names the right definition.

`python -m tests.eval.retrieval` measures dev and test packages and writes `retrieval.csv`. Call sites in random order,
those that lead to a function or class in another file of the package; candidates are all chunks of the other files.
Runs none of the packages' code. The arms:

- `starling`: what the names in scope mean, then search. It sees the file up to the line of the call, not that line.
- `starling_middle`: it also sees what comes after the statement, as in the middle of a finished file.
- `starling_line`: it sees the file up to the called name: the receiver, or what else the line begins with.
- `search`: search by words alone, by the 15 lines before the call, with the imports of the file.
- `bm25`, `jaccard`: plain BM25, and the Jaccard index of the words, of the same 15 lines.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from indexing import ranking
from indexing.process.analysis import analyze_text
from indexing.records import Query
from indexing.resolution.cursor_text import blank_strings
from indexing.resolution.files import TableCache, ViewFiles, list_paths
from indexing.resolution.likely import rank_likely
from indexing.resolution.names import DocumentNames
from indexing.resolution.workspace_names import list_chunks
from indexing.segments import Segment, View, build
from indexing.storage.segment_files import SegmentFile
from indexing.syntax import languages, tokens
from tests.eval import data, tables
from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import jedi

    from indexing.segments import Ranked
    from indexing.syntax.documents import Import
    from tests.eval.tables import Cell

TABLE = "retrieval.csv"
SITES = 40  # a package
TRIES = 400  # call sites tried to find `SITES`
QUERY_LINES = 15
CUTOFFS = (1, 3, 5, 10)
DEPTH = 100  # ranks looked at for the mean reciprocal rank
LEFT_OUT = {"fastapi", "scrapy"}


@dataclass(frozen=True)
class Site:
    """A call (file and line), and the definition that it calls (file and line). Lines count from 0.

    `column` is the byte in its line at which the called name begins; -1 if it is not known.
    """

    relative: str
    line: int
    target: str
    target_line: int
    column: int = -1


class Sampled(Protocol):
    """A package whose search is measured, in any language."""

    @property
    def root(self) -> Path:
        """Folder of the unpacked package."""

    def list_files(self) -> list[Path]:
        """Return the files of its own code, sorted."""


def load_sites(package: data.Package) -> list[Site]:
    """Return the call sites of a package, from the cache if they are there, because jedi is slow."""
    cache = data.CACHE / f"calls-{package.name}-{package.version}-{SITES}.json"
    if cache.exists():
        return [Site(*found) for found in json.loads(cache.read_text(encoding="utf-8"))]
    found = _find_sites(package)
    cache.write_text(
        json.dumps([(site.relative, site.line, site.target, site.target_line, site.column) for site in found]),
        encoding="utf-8",
    )
    return found


def _find_sites(package: data.Package) -> list[Site]:
    """Return up to `SITES` random calls of functions and classes in other files of the package."""
    import jedi  # noqa: PLC0415  # not there in `make test`

    project = jedi.Project(package.root)
    calls = [(path, *place) for path in package.list_files() for place in find_calls(path)]
    random.Random(SEED).shuffle(calls)  # noqa: S311 - a sample that repeats, no secret
    found: list[Site] = []
    for path, line, column in calls[:TRIES]:
        script = jedi.Script(path=path, project=project, environment=jedi.InterpreterEnvironment())
        for name in _find_definitions(script, line, column):
            target = name.module_path
            if (
                name.type in {"function", "class"}
                and target is not None
                and target != path
                and (package.root / package.source) in target.parents
            ):
                relative, there = (each.relative_to(package.root).as_posix() for each in (path, target))
                found.append(Site(relative, line - 1, there, name.line - 1, column))
                break
        if len(found) == SITES:
            break
    return found


def _find_definitions(script: jedi.Script, line: int, column: int) -> list[jedi.api.classes.Name]:
    """Return the definitions of the name at a place; none if jedi fails, which it does with errors of all kinds."""
    try:
        return script.goto(line, column, follow_imports=True)
    except Exception as error:  # noqa: BLE001 - a failure of jedi is not one of search
        print(f"jedi: {script.path}:{line}: {error!r}", file=sys.stderr)
        return []


def find_calls(path: Path) -> list[tuple[int, int]]:
    """Return line (from 1) and column of the last name of each called expression in a file, without the first lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.append((node.func.lineno, node.func.col_offset))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            end = node.func.end_col_offset or 0
            found.append((node.func.end_lineno or node.func.lineno, end - len(node.func.attr.encode())))
    return [(line, column) for line, column in found if line > QUERY_LINES // 2]


@dataclass
class Workspace:
    """A package, indexed as in the product.

    Attributes:
        view: view of the package's segment.
        keys: keys of the files in the view, by path.
        texts: texts of the files, by path.
        imports: imports of the files, by path.
        files: the same files for resolution.
        tables: their tables of names.
    """

    view: View
    keys: dict[str, tuple[str, int]]
    texts: dict[str, str]
    imports: dict[str, tuple[Import, ...]]
    files: ViewFiles
    tables: TableCache

    @classmethod
    def index(cls, package: Sampled, folder: Path, texts: Mapping[str, str] | None = None) -> Workspace:
        """Write a segment of the files of a package to `folder`, and open it.

        `texts` are by path those that stand in place of the files' own.
        """
        files, keys, contents, imports = [], {}, {}, {}
        for number, path in enumerate(package.list_files()):
            relative = path.relative_to(package.root).as_posix()
            own = (texts or {}).get(relative)
            contents[relative] = path.read_text(encoding="utf-8", errors="surrogateescape") if own is None else own
            analysis = analyze_text(contents[relative], languages.detect(path))
            keys[relative], imports[relative] = ("", number), analysis.imports
            files.append(SegmentFile(number, relative, 0.0, analysis.blob))
        target = folder / f"{package.root.name}.segment"
        build(target, files)
        view = View([("", Segment.open(target))], {}, ())
        return cls(view, keys, contents, imports, ViewFiles(view, list_paths(view)), TableCache())

    def make_query(self, site: Site) -> str:
        """Return the lines before the call, which are the query."""
        lines = self.texts[site.relative].split("\n")
        return "\n".join(lines[max(0, site.line - QUERY_LINES) : site.line])

    def find_rank(self, site: Site, ranked: Sequence[Ranked]) -> int:
        """Return the rank, from 1, of the first chunk in `ranked` with the definition's first line; 0 for none."""
        for rank, hit in enumerate(ranked, 1):
            if hit.key == self.keys[site.target]:
                chunk = self.view.read_chunk(hit.key, hit.chunk)
                if chunk.first_line <= site.target_line < chunk.last_line:
                    return rank
        return 0

    def open_names(self, relative: str, text: str, offset: int) -> DocumentNames:
        """Return the names of a file with another `text`, at the code point `offset`."""
        return DocumentNames(
            text,
            offset,
            language=languages.detect_by_name(relative.rpartition("/")[2]),
            root="",
            relative=relative,
            key=self.keys[relative],
            files=self.files,
            tables=self.tables,
        )

    def find_likely(self, site: Site, text: str, offset: int, others: Sequence[Ranked] | None = None) -> list[Ranked]:
        """Return the chunks for a call that resolution finds in `text` at `offset`, then `others` (None: of search)."""
        names, own = self.open_names(site.relative, text, offset), self.keys[site.relative]
        likely = rank_likely(names, self.view, own=own, limit=DEPTH)
        found = list_chunks(self.view, [each.definition for each in likely])
        known = {(each.key, each.chunk) for each in found}
        rest = self.search(site) if others is None else others
        return [*found, *(each for each in rest if (each.key, each.chunk) not in known)][:DEPTH]

    def search(self, site: Site) -> list[Ranked]:
        """Return the chunks that Starling's search finds for a call, best first."""
        imports = self.imports[site.relative]
        query = Query(
            self.make_query(site),
            imported=tuple(name for found in imports for name in found.names),
            modules=tuple(found.module for found in imports),
        )
        return self.view.search(query, own=self.keys[site.relative], limit=DEPTH, deadline=None)


def cut_text(text: str, site: Site) -> dict[str, tuple[str, int]]:
    """Return the text that each arm with resolution sees, and the cursor in it."""
    lines = text.split("\n")
    above, line = "".join(f"{each}\n" for each in lines[: site.line]), lines[site.line]
    indent = line[: len(line) - len(line.lstrip())]
    begun = above + line.encode()[: site.column].decode(errors="replace")
    rest = "\n".join(lines[find_statement_end(lines, site.line) :])
    seen = {
        "starling": (above + indent, len(above + indent)),
        "starling_middle": (f"{above}{indent}\n{rest}", len(above + indent)),
    }
    return seen | ({"starling_line": (begun, len(begun))} if site.column >= 0 else {})


def find_statement_end(lines: Sequence[str], line: int) -> int:
    """Return the number of the line after the brackets that open in `line` have closed."""
    depth = 0
    for number in range(line, len(lines)):
        plain = blank_strings(lines[number])
        depth += sum(map(plain.count, "([{")) - sum(map(plain.count, ")]}"))
        if depth <= 0:
            return number + 1
    return len(lines)


def list_words(text: str) -> list[int]:
    """Return the ids of the whole words in `text`, as the index numbers them."""
    wanted = tokens.tokenize(tokens.fold(text)).ids
    return [int(word) for word in wanted if word >= tokens.FIRST_WORD]


def main() -> int:
    """Measure all packages, print the rows, and write the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--split", default="", choices=("", "dev", "test"), help="only this one; writes nothing")
    options = parser.parse_args()
    rows = measure(options.split or None)
    if not options.split:
        tables.write_table(TABLE, rows)
    print_rows(rows)
    return 0


def print_rows(rows: Sequence[dict[str, Cell]]) -> None:
    """Print rows of the table without the intervals."""
    for cells in rows:
        print(*(f"{name}={value}" for name, value in cells.items() if not name.endswith(("_low", "_high"))))


def measure(split: str | None) -> list[dict[str, Cell]]:
    """Return the rows of the table, by split and arm, for a split or, for None, for all packages."""
    ranks: dict[tuple[str, str], list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in list_packages(split):
            for arm, found in measure_ranks(Workspace.index(package, Path(folder)), load_sites(package)).items():
                ranks.setdefault((package.split, arm), []).extend(found)
    return make_rows(ranks)


def measure_ranks(workspace: Workspace, sites: Sequence[Site]) -> dict[str, list[int]]:
    """Return the rank of the definition of each call by arm."""
    baseline = Baselines(workspace)
    ranks: dict[str, list[int]] = {}
    for site in sites:
        found = {
            arm: workspace.find_rank(site, workspace.find_likely(site, text, offset))
            for arm, (text, offset) in cut_text(workspace.texts[site.relative], site).items()
        }
        found["search"] = workspace.find_rank(site, workspace.search(site))
        found["bm25"] = baseline.find_rank(site, baseline.score_bm25)
        found["jaccard"] = baseline.find_rank(site, baseline.score_jaccard)
        for arm, rank in found.items():
            ranks.setdefault(arm, []).append(rank)
    return ranks


def make_rows(ranks: dict[tuple[str, str], list[int]]) -> list[dict[str, Cell]]:
    """Return the rows of the table, from the ranks by split and arm; those of all splits together come last."""
    together: dict[tuple[str, str], list[int]] = {}
    for (_, arm), found in ranks.items():
        together.setdefault(("all", arm), []).extend(found)
    return [make_row(name, arm, found) for (name, arm), found in (ranks | together).items()]


def list_packages(split: str | None) -> list[data.Package]:
    """Return the packages of a split, or of dev and test, without those in `LEFT_OUT`."""
    wanted = {"dev", "test"} if split is None else {split}
    return [each for each in data.list_packages() if each.split in wanted and each.name not in LEFT_OUT]


def make_row(split: str, arm: str, ranks: Sequence[int]) -> dict[str, Cell]:
    """Return the row of the table for a split and an arm, from the rank of each definition."""
    cells: dict[str, Cell] = {"split": split, "arm": arm, "n": len(ranks)}
    for cutoff in CUTOFFS:
        cells |= tables.format_interval(f"recall_{cutoff}", [float(0 < rank <= cutoff) for rank in ranks])
    return cells | tables.format_interval("mrr", [1 / rank if rank else 0.0 for rank in ranks])


class Baselines:
    """Jaccard index and BM25 over whole words, on the chunks of a workspace and with the product's overlap rule."""

    def __init__(self, workspace: Workspace) -> None:
        """Count the words of all chunks of `workspace`."""
        self._workspace = workspace
        self._chunks = []
        self._words: list[dict[int, int]] = []
        for key in workspace.keys.values():
            for ordinal in range(workspace.view.count_chunks(key)):
                chunk = workspace.view.read_chunk(key, ordinal)
                words: dict[int, int] = {}
                for word in list_words(workspace.view.read_text(key, chunk.span)):
                    words[word] = words.get(word, 0) + 1
                self._chunks.append((key, ordinal, chunk))
                self._words.append(words)
        self._average = sum(sum(words.values()) for words in self._words) / max(1, len(self._words))
        self._frequency: dict[int, int] = {}
        for words in self._words:
            for word in words:
                self._frequency[word] = self._frequency.get(word, 0) + 1

    def score_jaccard(self, query: set[int], words: dict[int, int]) -> float:
        """Return the score of a chunk with `words`: the share of common words among all words of both."""
        return len(query & words.keys()) / (len(query | words.keys()) or 1)

    def score_bm25(self, query: set[int], words: dict[int, int]) -> float:
        """Return the score of a chunk with `words`: Okapi BM25 with k1 = 1.2, b = 0.75."""
        length = 0.25 + 0.75 * sum(words.values()) / self._average
        return sum(
            ranking.compute_idf(self._frequency[word], len(self._words))
            * 2.2
            * words[word]
            / (words[word] + 1.2 * length)
            for word in query & words.keys()
        )

    def find_rank(self, site: Site, score: Callable[[set[int], dict[int, int]], float]) -> int:
        """Return the rank, from 1, by `score` of the first chunk with the definition's first line; 0 for none."""
        own, target = self._workspace.keys[site.relative], self._workspace.keys[site.target]
        query = set(list_words(self._workspace.make_query(site)))
        scored = [
            (-score(query, words), number)
            for number, (words, (key, _, _)) in enumerate(zip(self._words, self._chunks, strict=True))
            if key != own
        ]
        taken: list[tuple[tuple[str, int], int, int]] = []
        for _, number in sorted(scored)[: 4 * DEPTH]:
            key, _, chunk = self._chunks[number]
            place = (key, chunk.span.start, chunk.span.end)
            if any(ranking.do_overlap_by_half(place, other) for other in taken):
                continue
            taken.append(place)
            if key == target and chunk.first_line <= site.target_line < chunk.last_line:
                return len(taken)
        return 0


if __name__ == "__main__":
    sys.exit(main())
