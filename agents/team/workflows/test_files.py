"""The files that hold a workspace's tests, by patterns of their names. Start at `TestFiles`."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from agents.team.permissions.rules import FOLDS_CASE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PATTERNS = (
    "test/", "tests/", "__tests__/", "spec/", "test_*.*", "*_test.*", "*_tests.*", "*.test.*", "*.spec.*",
    "conftest.py", "*Test.*", "*Tests.*", "*_spec.*",
)  # fmt: skip
"""Patterns, as in `.gitignore`, of the names that test programs look for."""


class TestFiles:
    """Tells the names of test files from other ones.

    Args:
        patterns: patterns as in `.gitignore`, for names relative to the workspace folder.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    def __init__(self, patterns: Sequence[str] = PATTERNS) -> None:
        self._patterns = tuple(patterns)

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        """The matcher of the patterns."""
        return GitIgnoreSpec.from_lines(self._patterns)

    @cached_property
    def _folded(self) -> GitIgnoreSpec:
        """The matcher of the patterns in lower case."""
        return GitIgnoreSpec.from_lines(map(str.lower, self._patterns))

    def matches(self, name: str) -> bool:
        """Return whether the name of a file, relative to the workspace folder, is that of a test file."""
        return self._spec.match_file(name) or (FOLDS_CASE and self._folded.match_file(name.lower()))

    def explain_refusal(self, names: Collection[str], changes: str) -> str:
        """Return why a step that may change `changes` may not change files, a sentence; "" if it may.

        Args:
            names: all names of the files, with those that their links lead to.
            changes: "nothing", "tests", "code" (no test file) or "all".
        """
        tests = [one for one in names if self.matches(one)]
        if changes == "nothing":
            return "This step of the workflow changes no file; say in your answer what should be changed."
        if changes == "code" and tests:
            return f"{tests[0]} is a test, and this step of the workflow may not change tests; change the code."
        if changes == "tests" and len(tests) < len(names):
            other = next(one for one in names if one not in tests)
            return f"{other} is no test, and this step of the workflow may only change tests."
        return ""


def hash_text(text: str | None) -> str:
    """Return a hash of a file's text, "" for None."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text is not None else ""
