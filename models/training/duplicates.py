"""Index of near-duplicate files, by the exact Jaccard similarity of their sets of identifiers.

Two sets whose similarity reaches the threshold share at least one of the rarest identifiers of each (prefix filtering:
Chaudhuri et al. 2006, "A primitive operator for similarity joins in data cleaning"), so that few pairs are compared and
no duplicate is missed. Start at `NearDuplicates`.
"""

from __future__ import annotations

import keyword
import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")


def extract_identifiers(text: str) -> frozenset[str]:
    """Return the identifiers of three characters or more in `text`, without Python's keywords."""
    return frozenset(_IDENTIFIER.findall(text)).difference(keyword.kwlist)


def compute_jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity |A & B| / |A | B| of two sets; 0 if both are empty."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def count_identifiers(sets: Iterable[frozenset[str]]) -> Counter[str]:
    """Return the number of `sets` that contain each identifier."""
    counts: Counter[str] = Counter()
    for names in sets:
        counts.update(names)
    return counts


class NearDuplicates:
    """A collection of sets of identifiers, searched for similar sets.

    Args:
        threshold: minimum Jaccard similarity of near-duplicates.
        counts: number of sets with each identifier; affects only the speed.
    """

    def __init__(self, threshold: float, counts: Counter[str]) -> None:
        self._threshold = threshold
        self._counts = counts
        self._sets: list[tuple[str, frozenset[str]]] = []
        self._by_identifier: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, label: str, names: frozenset[str]) -> None:
        """Add the set `names` to the collection, under `label`."""
        number = len(self._sets)
        self._sets.append((label, names))
        for name in self._select_rarest(names):
            self._by_identifier[name].append(number)

    def find(self, names: frozenset[str]) -> tuple[str, float] | None:
        """Return label and similarity of the first set found that reaches the threshold; None if none does."""
        seen: set[int] = set()
        for name in self._select_rarest(names):
            for number in self._by_identifier.get(name, ()):
                if number in seen:
                    continue
                seen.add(number)
                label, other = self._sets[number]
                if min(len(names), len(other)) < self._threshold * max(len(names), len(other)):
                    continue
                similarity = compute_jaccard(names, other)
                if similarity >= self._threshold:
                    return label, similarity
        return None

    def _select_rarest(self, names: frozenset[str]) -> list[str]:
        """Return the prefix of prefix filtering: the |A| - ceil(threshold * |A|) + 1 rarest identifiers of `names`."""
        needed = len(names) - math.ceil(self._threshold * len(names)) + 1
        return sorted(names, key=lambda name: (self._counts[name], name))[:needed]
