"""Test coverage, read from what the workspace's own tools have left: `.coverage`, `coverage.xml`, `lcov.info`.

Runs no test and measures nothing itself. A file's path in that data is data: what lies outside the folder is left out.
Start at `find` and `read`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from agents.reviewer import coverage_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PLACES = (
    ".coverage",
    "coverage.xml",
    "coverage/coverage.xml",
    "coverage/cobertura-coverage.xml",
    "lcov.info",
    "coverage/lcov.info",
    "coverage.lcov",
)
_MOST_BYTES = 100_000_000


class CoverageError(Exception):
    """The data cannot be read; the message is one sentence with the next step."""


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """One source file.

    Attributes:
        path: absolute.
        lines: lines that can be run.
        missed: those that were not run, from 1.
        changed: the file was changed after it was measured, so lines may have moved.
    """

    path: Path
    lines: int
    missed: tuple[int, ...]
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """All that was measured in a folder.

    Attributes:
        source: the file it was read from.
        measured_at: when that was written, seconds since the epoch.
        files: by path.
    """

    source: Path
    measured_at: float
    files: tuple[FileCoverage, ...]

    @property
    def lines(self) -> int:
        """Lines that can be run."""
        return sum(file.lines for file in self.files)

    @property
    def covered(self) -> int:
        """Lines that were run."""
        return self.lines - sum(len(file.missed) for file in self.files)

    @property
    def percent(self) -> float | None:
        """Share of lines that were run, 0 to 100; None where there is none that can be."""
        return 100 * self.covered / self.lines if self.lines else None


def gaps(missed: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """First and last line of each run of lines."""
    found: list[tuple[int, int]] = []
    for line in missed:
        if found and line == found[-1][1] + 1:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return tuple(found)


def find(folder: Path) -> Path | None:
    """The newest coverage data in `folder`, None where there is none."""
    found = []
    for place in PLACES:
        path = folder / place
        try:
            if path.is_file():
                found.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue
    return max(found)[1] if found else None


def read(source: Path, folder: Path) -> Coverage:
    """What `source` says about files in `folder`.

    Raises:
        CoverageError: it cannot be read, or is nothing like what its name says.
    """
    try:
        state = source.stat()
        if state.st_size > _MOST_BYTES:
            raise CoverageError(f"{source.name} is larger than {_MOST_BYTES // 1_000_000} MB; measure fewer files.")
        lines = _lines(source, folder)
    except (OSError, ValueError, ET.ParseError) as error:
        raise CoverageError(f"{source.name} cannot be read ({error}); run the tests with coverage again.") from error
    root = os.path.realpath(folder)
    files = (_file(path, hits, root, state.st_mtime) for path, hits in sorted(lines.items()))
    return Coverage(source, state.st_mtime, tuple(file for file in files if file is not None))


def _file(path: Path, hits: Mapping[int, bool], root: str, measured_at: float) -> FileCoverage | None:
    real = os.path.realpath(path)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        return None
    try:
        changed = path.stat().st_mtime > measured_at
    except OSError:
        return None  # it is gone
    return FileCoverage(
        type(path)(real), len(hits), tuple(sorted(line for line, hit in hits.items() if not hit)), changed
    )


def _lines(source: Path, folder: Path) -> dict[Path, dict[int, bool]]:
    """For each file its lines that can be run, and whether they were."""
    if source.name == ".coverage":
        return coverage_data.lines(source, folder)
    merged: dict[Path, dict[int, bool]] = {}
    for path, line, hit in _cobertura(source, folder) if source.suffix == ".xml" else _lcov(source, folder):
        known = merged.setdefault(path, {})
        known[line] = known.get(line, False) or hit
    return merged


def _cobertura(source: Path, folder: Path) -> Iterator[tuple[Path, int, bool]]:
    """Cobertura's XML, as coverage.py and many others write it. expat itself stops entities that explode."""
    sources: list[str] = []
    with source.open("rb") as file:
        for _, element in ET.iterparse(file):  # noqa: S314 (see above)
            if element.tag == "source" and element.text:
                sources.append(element.text.strip())
            elif element.tag == "class":
                path = _placed(element.get("filename", ""), sources, folder)
                for line in element.iter("line"):
                    yield path, int(line.get("number", "")), int(line.get("hits", "0")) > 0
                element.clear()


def _lcov(source: Path, folder: Path) -> Iterator[tuple[Path, int, bool]]:
    path: Path | None = None
    with source.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            kind, _, rest = text.strip().partition(":")
            if kind == "SF":
                path = _placed(rest, [], folder)
            elif kind == "DA" and path is not None:
                line, _, hits = rest.partition(",")
                yield path, int(line), int(hits.partition(",")[0]) > 0


def _placed(name: str, sources: list[str], folder: Path) -> Path:
    """Where a name in the data lies: below one of its sources that holds it, else below the folder."""
    if "\0" in name:
        raise ValueError("a file's name holds a null character")
    for source in sources:
        if (path := folder / source / name).is_file():
            return path
    return folder / name
