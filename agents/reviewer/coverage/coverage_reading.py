"""Reads coverage data in all three formats, within bounds; also the program of the process that does so.

The data come from anywhere. A file's path in them is data: what lies outside the folder is left out. Start at `read`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from xml.parsers import expat

from agents.reviewer.coverage import coverage, coveragepy_data
from indexing import bounds
from indexing.bounds import BoundError, Budget
from starling_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.reviewer.coverage.coverage import FileCoverage

_PIECE_BYTES = 1 << 16
_LOOK_ROWS = 10  # a look at the disk takes as long as so many lines


def main() -> None:
    """Answer the one question on standard input: a file of coverage data and the folder it is about."""
    asked = json.loads(sys.stdin.buffer.read())
    source, folder = Path(asked["source"]), Path(asked["folder"])
    try:
        measured_at, files = read(source, folder)
        answer: dict[str, object] = {"measured_at": measured_at, "files": [_said(file) for file in files]}
    except OSError as error:
        answer = {"problem": error.strerror or str(error)}
    except (ValueError, expat.ExpatError) as error:
        answer = {"problem": str(error)[:200]}
    except MemoryError:
        answer = {"problem": "it takes too much memory to read"}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def read(source: Path, folder: Path) -> tuple[float, list[FileCoverage]]:
    """Return when `source` was written, and what it says about files in `folder`.

    Raises:
        OSError: it cannot be read.
        ValueError: it goes beyond a bound, or is nothing like what its name says.
        ExpatError: it is no XML, where it should be.
    """
    budget = Budget(bounds.COVERAGE_ROWS, bounds.COVERAGE_CHILD.seconds * 0.8)
    with open_regular(source) as file:
        state = os.fstat(file.fileno())
        if state.st_size > bounds.COVERAGE_BYTES:
            raise BoundError(f"it is larger than {bounds.COVERAGE_BYTES // 1_000_000} MB")
        lines = _lines(source, file, folder, budget)
    root = os.path.realpath(folder)
    files = (_file(path, hits, root, state.st_mtime) for path, hits in sorted(lines.items()))
    return state.st_mtime, [file for file in files if file is not None]


def _lines(source: Path, file: BinaryIO, folder: Path, budget: Budget) -> dict[Path, dict[int, bool]]:
    """Return the lines of each file that can be run, and whether they were."""
    if source.name == ".coverage":
        return coveragepy_data.lines(source, folder, budget)
    found = _Found(folder, budget)
    if source.suffix == ".xml":
        _Cobertura(found).read(file)
    else:
        _read_lcov(file, found)
    return found.lines


def _file(path: Path, hits: Mapping[int, bool], root: str, measured_at: float) -> FileCoverage | None:
    real = os.path.realpath(path)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        return None
    try:
        changed = path.stat().st_mtime > measured_at
    except OSError:
        return None  # it is gone
    missed = tuple(sorted(line for line, hit in hits.items() if not hit))
    return coverage.FileCoverage(type(path)(real), len(hits), missed, changed)


def _said(file: FileCoverage) -> list[object]:
    return [str(file.path), file.lines, coverage.gaps(file.missed), file.changed]


class _Found:
    """The lines found so far, by file."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self.lines: dict[Path, dict[int, bool]] = {}
        self._sources: dict[str, None] = {}
        self._folder = folder
        self._budget = budget
        self._placed: dict[str, dict[int, bool]] = {}

    def source(self, name: str) -> None:
        """Take in a folder that names of files may be relative to; one that is not there holds none of them."""
        self._budget.spend(_LOOK_ROWS)
        if "\0" not in name and (path := self._folder / name).is_dir():
            self._sources[str(path)] = None

    def file(self, name: str) -> dict[int, bool]:
        """Return the lines of the file that the data call `name`."""
        known = self._placed.get(name)
        if known is None:
            if len(self._placed) >= bounds.COVERAGE_FILES:
                raise BoundError(f"it names more than {bounds.COVERAGE_FILES:,} files")
            known = self._placed[name] = self.lines.setdefault(self._place(name), {})
        return known

    def count(self, lines: dict[int, bool], number: int, *, hit: bool) -> None:
        """Record one line."""
        self._budget.spend()
        lines[number] = lines.get(number, False) or hit

    def _place(self, name: str) -> Path:
        """Return where a file lies: below one of the sources that holds it, else below the folder."""
        if "\0" in name:
            raise ValueError("a file's name holds a null character")
        for folder in self._sources:
            self._budget.spend(_LOOK_ROWS)
            if os.path.isfile(path := os.path.join(folder, name)):  # noqa: PTH113, PTH118 (pathlib takes thrice as long)
                return Path(path)
        return self._folder / name


class _Cobertura:
    """Cobertura's XML, as coverage.py and many others write it. expat itself stops entities that explode."""

    def __init__(self, found: _Found) -> None:
        self._found = found
        self._source: list[str] | None = None
        self._lines: dict[int, bool] | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._say

    def read(self, file: BinaryIO) -> None:
        """Read the whole file, piece by piece, so that no tag and no comment is held that has no end."""
        given = 0
        while piece := file.read(_PIECE_BYTES):
            self._parser.Parse(piece, False)
            given += len(piece)
            if given - self._parser.CurrentByteIndex > bounds.COVERAGE_TOKEN_BYTES:
                raise BoundError("a tag or a comment in it is too long")
        self._parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "source":
            self._source = []
        elif name == "class":
            self._lines = self._found.file(attributes.get("filename", ""))
        elif name == "line" and self._lines is not None:
            hit = int(attributes.get("hits", "0")) > 0
            self._found.count(self._lines, int(attributes.get("number", "")), hit=hit)

    def _end(self, name: str) -> None:
        if name == "source" and self._source is not None:
            if text := "".join(self._source).strip():
                self._found.source(text)
            self._source = None
        elif name == "class":
            self._lines = None

    def _say(self, text: str) -> None:
        if self._source is not None:
            self._source.append(text)
            if sum(map(len, self._source)) > 4096:
                raise BoundError("the name of a source is too long")


def _read_lcov(file: BinaryIO, found: _Found) -> None:
    lines: dict[int, bool] | None = None
    while raw := file.readline(bounds.COVERAGE_TOKEN_BYTES):
        kind, _, rest = raw.decode(errors="replace").strip().partition(":")
        if kind == "SF":
            lines = found.file(rest)
        elif kind == "DA" and lines is not None:
            line, _, hits = rest.partition(",")
            found.count(lines, int(line), hit=int(hits.partition(",")[0]) > 0)
