"""Test coverage, read from data that the workspace's own tools have written: `.coverage`, `coverage.xml`, `lcov.info`.

Runs no test and measures nothing. The data are not trusted: a child process reads them (`coverage_reading`), within
limits of time and memory. Start at `find` and `read`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing import bounds
from indexing.process import children, spawning

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES = (
    ".coverage",
    "coverage.xml",
    "coverage/coverage.xml",
    "coverage/cobertura-coverage.xml",
    "lcov.info",
    "coverage/lcov.info",
    "coverage.lcov",
)
_LIMIT_PROBLEMS = {
    "time": "it takes too long to read",
    "memory": "it takes too much memory to read",
    "output": "it names too many lines",
}


class CoverageError(Exception):
    """Coverage data cannot be read; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """Coverage of one source file.

    Attributes:
        path: absolute.
        lines: number of lines that can be run.
        missed: lines that were not run, counted from 1.
        changed: the file was changed after the measurement, so lines may have moved.
    """

    path: Path
    lines: int
    missed: tuple[int, ...]
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of the files of a folder.

    Attributes:
        source: the data file.
        measured_at: when the data file was written, seconds since the epoch.
        files: by path.
    """

    source: Path
    measured_at: float
    files: tuple[FileCoverage, ...]

    @property
    def lines(self) -> int:
        """Number of lines that can be run."""
        return sum(file.lines for file in self.files)

    @property
    def covered(self) -> int:
        """Number of lines that were run."""
        return self.lines - sum(len(file.missed) for file in self.files)

    @property
    def percent(self) -> float | None:
        """Percentage of lines that were run, 0 to 100; None if no line can be run."""
        return 100 * self.covered / self.lines if self.lines else None


def group_lines(missed: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the first and last line of each run of consecutive lines; `missed` is sorted."""
    found: list[tuple[int, int]] = []
    for line in missed:
        if found and line == found[-1][1] + 1:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return tuple(found)


def find(folder: Path) -> Path | None:
    """Return the newest coverage data file in `folder` among `PLACES`; None if there is none."""
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
    """Read the data file `source` in a child process; return the coverage of the files below `folder`. Blocking.

    Raises:
        CoverageError: the data cannot be read, exceed a limit, or are not in the format that their name says.
    """
    request = json.dumps({"source": str(source.absolute()), "folder": str(folder.absolute())}).encode()
    command = spawning.make_command("agents.reviewer.coverage.coverage_reading")
    try:
        result = children.run(command, bounds.COVERAGE_CHILD, text=request, folder=folder)
        answer: dict[str, Any] = (
            json.loads(result.output) if not result.beyond else {"problem": _LIMIT_PROBLEMS[result.beyond]}
        )
    except OSError as error:
        answer = {"problem": error.strerror or str(error)}
    except ValueError:
        answer = {"problem": "the process that read it crashed"}
    if "problem" in answer:
        raise CoverageError(f"{source.name} cannot be read ({answer['problem']}); run the tests with coverage again.")
    return Coverage(source, float(answer["measured_at"]), tuple(_decode_file(each) for each in answer["files"]))


def _decode_file(values: list[Any]) -> FileCoverage:
    """Return the coverage of a file from the JSON values that `coverage_reading` wrote."""
    path, lines, missed, changed = values
    spread = (line for first, last in missed for line in range(first, last + 1))
    return FileCoverage(Path(path), lines, tuple(spread), changed)
