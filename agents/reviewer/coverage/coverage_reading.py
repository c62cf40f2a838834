"""Reader of coverage data in three formats, within limits; also the program of the process that reads them.

The data are not trusted: paths outside of the folder are dropped. Start at `read`.
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
from starling_files import open_regular_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.reviewer.coverage.coverage import FileCoverage

_CHUNK_BYTES = 1 << 16
_DISK_ROWS = 10  # cost of one access to the disk, in lines of the budget


def main() -> None:
    """Read one request from standard input, and write the coverage or a problem to standard output.

    The request is JSON with the data file and the folder that it is about.
    """
    request = json.loads(sys.stdin.buffer.read())
    source, folder = Path(request["source"]), Path(request["folder"])
    try:
        measured_at, files = read(source, folder)
        answer: dict[str, object] = {"measured_at": measured_at, "files": [_encode_file(file) for file in files]}
    except OSError as error:
        answer = {"problem": error.strerror or str(error)}
    except (ValueError, expat.ExpatError) as error:
        answer = {"problem": str(error)[:200]}
    except MemoryError:
        answer = {"problem": "it takes too much memory to read"}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def read(source: Path, folder: Path) -> tuple[float, list[FileCoverage]]:
    """Return when `source` was written, in seconds since the epoch, and the coverage of existing files below `folder`.

    Raises:
        OSError: the data file cannot be read.
        ValueError: it exceeds a limit, or is not in the format that its name says.
        ExpatError: it is not valid XML.
    """
    budget = Budget(bounds.COVERAGE_ROWS, bounds.COVERAGE_CHILD.seconds * 0.8)
    with open_regular_file(source) as file:
        state = os.fstat(file.fileno())
        if state.st_size > bounds.COVERAGE_BYTES:
            raise BoundError(f"it is larger than {bounds.COVERAGE_BYTES // 1_000_000} MB")
        lines = _read_lines(source, file, folder, budget)
    root = os.path.realpath(folder)
    files = (_build_file(path, hits, root, state.st_mtime) for path, hits in sorted(lines.items()))
    return state.st_mtime, [file for file in files if file is not None]


def _read_lines(source: Path, file: BinaryIO, folder: Path, budget: Budget) -> dict[Path, dict[int, bool]]:
    """Return for each file its executable lines and whether each was run; the name of `source` decides the format."""
    if source.name == ".coverage":
        return coveragepy_data.read_lines(source, folder, budget)
    found = _LineTable(folder, budget)
    if source.suffix == ".xml":
        _CoberturaParser(found).read(file)
    else:
        _read_lcov(file, found)
    return found.lines


def _build_file(path: Path, hits: Mapping[int, bool], root: str, measured_at: float) -> FileCoverage | None:
    """Return the coverage of the file at `path`; None if it is gone or not below `root`."""
    real = os.path.realpath(path)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        return None
    try:
        changed = path.stat().st_mtime > measured_at
    except OSError:
        return None  # deleted
    missed = tuple(sorted(line for line, hit in hits.items() if not hit))
    return coverage.FileCoverage(type(path)(real), len(hits), missed, changed)


def _encode_file(file: FileCoverage) -> list[object]:
    """Return a file's coverage as JSON values, in the order that `coverage._decode_file` reads."""
    return [str(file.path), file.lines, coverage.group_lines(file.missed), file.changed]


class _LineTable:
    """Lines read so far by file, with whether each was run."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        """Create an empty table; relative file names are below `folder` or its sources."""
        self.lines: dict[Path, dict[int, bool]] = {}
        self._sources: dict[str, None] = {}
        self._folder = folder
        self._budget = budget
        self._by_name: dict[str, dict[int, bool]] = {}

    def add_source(self, name: str) -> None:
        """Add a folder that file names may be relative to; a folder that does not exist is ignored."""
        self._budget.spend(_DISK_ROWS)
        if "\0" not in name and (path := self._folder / name).is_dir():
            self._sources[str(path)] = None

    def get_lines(self, name: str) -> dict[int, bool]:
        """Return the table of lines for the file called `name` in the data; creates it if it is new.

        Raises:
            BoundError: the data name too many files.
        """
        known = self._by_name.get(name)
        if known is None:
            if len(self._by_name) >= bounds.COVERAGE_FILES:
                raise BoundError(f"it names more than {bounds.COVERAGE_FILES:,} files")
            known = self._by_name[name] = self.lines.setdefault(self._locate(name), {})
        return known

    def record_line(self, lines: dict[int, bool], number: int, *, hit: bool) -> None:
        """Record one line as run (`hit`) or not; a line counts as run if any record says so."""
        self._budget.spend()
        lines[number] = lines.get(number, False) or hit

    def _locate(self, name: str) -> Path:
        """Return the path of the file `name`: below the first source folder that has it, otherwise below the folder.

        Raises ValueError if the name has a null character.
        """
        if "\0" in name:
            raise ValueError("a file's name holds a null character")
        for folder in self._sources:
            self._budget.spend(_DISK_ROWS)
            if os.path.isfile(path := os.path.join(folder, name)):  # noqa: PTH113, PTH118 (pathlib takes three times as long)
                return Path(path)
        return self._folder / name


class _CoberturaParser:
    """Parser of Cobertura's XML, which coverage.py and others write. expat limits the expansion of entities."""

    def __init__(self, found: _LineTable) -> None:
        self._found = found
        self._source: list[str] | None = None
        self._lines: dict[int, bool] | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._handle_start_tag
        self._parser.EndElementHandler = self._handle_end_tag
        self._parser.CharacterDataHandler = self._collect_text

    def read(self, file: BinaryIO) -> None:
        """Parse the file in chunks and record its lines in the table.

        Raises BoundError for a tag or a comment that is too long, ExpatError for invalid XML.
        """
        fed = 0
        while chunk := file.read(_CHUNK_BYTES):
            self._parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - self._parser.CurrentByteIndex > bounds.COVERAGE_TOKEN_BYTES:
                raise BoundError("a tag or a comment in it is too long")
        self._parser.Parse(b"", True)

    def _handle_start_tag(self, name: str, attributes: dict[str, str]) -> None:
        """Handle a start tag: begin a source folder or a file, or record a line."""
        if name == "source":
            self._source = []
        elif name == "class":
            self._lines = self._found.get_lines(attributes.get("filename", ""))
        elif name == "line" and self._lines is not None:
            hit = int(attributes.get("hits", "0")) > 0
            self._found.record_line(self._lines, int(attributes.get("number", "")), hit=hit)

    def _handle_end_tag(self, name: str) -> None:
        """Handle an end tag: add the source folder that was collected, or end the file."""
        if name == "source" and self._source is not None:
            if text := "".join(self._source).strip():
                self._found.add_source(text)
            self._source = None
        elif name == "class":
            self._lines = None

    def _collect_text(self, text: str) -> None:
        """Collect the text of a source folder's name; raise BoundError beyond 4,096 characters."""
        if self._source is not None:
            self._source.append(text)
            if sum(map(len, self._source)) > 4096:
                raise BoundError("the name of a source is too long")


def _read_lcov(file: BinaryIO, found: _LineTable) -> None:
    """Read lcov's text format into `found`: a line `SF:` names a file, `DA:` has a line and its hits."""
    lines: dict[int, bool] | None = None
    while raw := file.readline(bounds.COVERAGE_TOKEN_BYTES):
        kind, _, rest = raw.decode(errors="replace").strip().partition(":")
        if kind == "SF":
            lines = found.get_lines(rest)
        elif kind == "DA" and lines is not None:
            line, _, hits = rest.partition(",")
            found.record_line(lines, int(line), hit=int(hits.partition(",")[0]) > 0)
