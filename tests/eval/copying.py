"""Baseline: copies the line that follows the most similar window of eight lines in the package.

Similarity is the Jaccard index of the words of both windows. The copied line must begin with the typed text, and must
not be the masked line itself. Needs no model and no index.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.eval.masks import Place

WINDOW = 8
WORD = re.compile(r"\w+")


@dataclass
class CopyFloor:
    """The windows of a package, indexed by their words."""

    lines: list[str] = field(default_factory=list)  # the line that follows each window
    origins: list[tuple[Path, int]] = field(default_factory=list)  # file and number of that line
    sizes: list[int] = field(default_factory=list)  # distinct words of each window
    postings: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, paths: Iterable[Path]) -> CopyFloor:
        """Index the windows of the files at `paths`."""
        floor = cls()
        for path in paths:
            rows = path.read_text(encoding="utf-8", errors="replace").split("\n")
            for number in range(1, len(rows)):
                if rows[number].strip():
                    floor._add(path, number, rows)
        return floor

    def _add(self, path: Path, number: int, rows: list[str]) -> None:
        """Add the window before the line `number` of a file with the lines `rows`."""
        window = find_words(rows[max(0, number - WINDOW) : number])
        for word in window:
            self.postings[word].append(len(self.lines))
        self.lines.append(rows[number].strip())
        self.origins.append((path, number))
        self.sizes.append(len(window))

    def complete(self, place: Place) -> str:
        """Return the rest of the line at `place`, copied from the line after the most similar window.

        Returns "" if no line after a similar window begins with the typed text.
        """
        before = place.text[: place.start].split("\n")
        typed, own = before[-1].lstrip(), (place.path, len(before) - 1)
        window = find_words(before[-WINDOW - 1 : -1])
        common = np.zeros(len(self.lines), dtype=np.int32)
        for word in window:
            if (found := self.postings.get(word)) is not None:
                common[found] += 1
        likeness = common / (np.asarray(self.sizes) + len(window) - common + 1e-9)
        for index in np.argsort(-likeness, kind="stable"):
            if likeness[index] <= 0:
                break
            line: str = self.lines[index]
            if line.startswith(typed) and len(line) > len(typed) and self.origins[index] != own:
                return line[len(typed) :]
        return ""


def find_words(rows: list[str]) -> set[str]:
    """Return the distinct words of the lines `rows`."""
    return set(WORD.findall("\n".join(rows)))
