"""Bounds for reading foreign files and for the child processes that read them.

A workspace may come from anywhere, and with it its settings, ignore rules and reports of tools. Start at `Budget`.
"""

from __future__ import annotations

import time

from indexing.process.children import Bounds

SETTINGS_BYTES = 256 * 1024  # `.starling.toml`
CONFIGURATION_BYTES = 1_000_000  # `pyproject.toml`, `ruff.toml`, `package.json`
CONFIGURATION_CHAIN = 8  # configurations of ruff that extend one another
IGNORE_BYTES = 512 * 1024  # one ignore file
IGNORE_RULES = 3_000  # of one ignore file that may be tried for one path
IGNORE_RULE_CHARACTERS = 4_096  # of one rule
SOURCE_BYTES = 5_000_000  # a source file whose statements are counted

COVERAGE_BYTES = 100_000_000
COVERAGE_ROWS = 2_000_000  # lines, files and accesses to the disk
COVERAGE_FILES = 50_000
COVERAGE_TOKEN_BYTES = 1_000_000  # one tag or comment of XML, one line of text, one value of a database
COVERAGE_CHILD = Bounds(seconds=90, memory_bytes=1_000_000_000, output_bytes=16_000_000)

RUFF_MEMORY_BYTES = 1_500_000_000
RUFF_OUTPUT_BYTES = 16_000_000  # parsing holds the interpreter's lock
RUFF_SETTINGS = Bounds(seconds=5, memory_bytes=RUFF_MEMORY_BYTES, output_bytes=4_000_000)
GIT = Bounds(seconds=60, memory_bytes=3_000_000_000, output_bytes=200_000_000)

ANALYSIS_MEMORY_BYTES = 2_000_000_000  # a process that parses texts one after the other
INDEXING_MEMORY_BYTES = 8_000_000_000
WATCHING_MEMORY_BYTES = 2_000_000_000
TEXT_S = 60.0  # after which a process that analyses one text counts as stuck
TESTS_MEMORY_SHARE = 0.75  # of the machine's memory, for test runs that a person has approved


class BoundError(ValueError):
    """A file exceeds a bound; the message completes the sentence "... cannot be read (...)"."""


class Budget:
    """Number of rows and time that are left for reading one file."""

    def __init__(self, rows: int, seconds: float) -> None:
        self._rows = rows
        self._most = rows
        self._deadline = time.monotonic() + seconds

    def spend(self, rows: int = 1) -> None:
        """Subtract `rows` from the rows that may still be read.

        Raises:
            BoundError: there were too many rows, or reading took too long.
        """
        self._rows -= rows
        if self._rows < 0:
            raise BoundError(f"it holds more than {self._most:,} entries")
        if self.is_late():
            raise BoundError("it takes too long to read")

    def is_late(self) -> bool:
        """Return whether the time for reading is over."""
        return time.monotonic() > self._deadline
