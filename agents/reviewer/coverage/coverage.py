"""Test coverage, read from what the workspace's own tools have left: `.coverage`, `coverage.xml`, `lcov.info`.

Runs no test and measures nothing itself. The data come from anywhere, so a child process reads them
(`coverage_reading`), bounded in time and memory. Start at `find` and `read`.
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
_BEYOND = {
    "time": "it takes too long to read",
    "memory": "it takes too much memory to read",
    "output": "it names too many lines",
}


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
    """Return what `source` says about files in `folder`; blocking.

    Raises:
        CoverageError: it cannot be read, goes beyond a bound, or is nothing like what its name says.
    """
    asked = json.dumps({"source": str(source.absolute()), "folder": str(folder.absolute())}).encode()
    command = spawning.command("agents.reviewer.coverage.coverage_reading")
    try:
        ended = children.run(command, bounds.COVERAGE_CHILD, text=asked, folder=folder)
        answer: dict[str, Any] = json.loads(ended.output) if not ended.beyond else {"problem": _BEYOND[ended.beyond]}
    except OSError as error:
        answer = {"problem": error.strerror or str(error)}
    except ValueError:
        answer = {"problem": "the process that read it crashed"}
    if "problem" in answer:
        raise CoverageError(f"{source.name} cannot be read ({answer['problem']}); run the tests with coverage again.")
    return Coverage(source, float(answer["measured_at"]), tuple(_file(each) for each in answer["files"]))


def _file(said: list[Any]) -> FileCoverage:
    path, lines, missed, changed = said
    spread = (line for first, last in missed for line in range(first, last + 1))
    return FileCoverage(Path(path), lines, tuple(spread), changed)
