"""What recall looks at: positions that may continue like the place, and the continuations that they vote for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.recall.pools import Pool


@dataclass(slots=True)
class Candidate:
    """A position that may continue like the place.

    Attributes:
        pool: where it was found.
        position: of the token before the continuation.
        end: position of the line break that ends the continued line.
        exact: equal tokens backwards.
        before: the tokens up to `position`, nearest first, `WINDOW` of them.
        line: the tokens behind it, up to `end`.
        text: from the token at `position` to that at `end`.
        file: tells files of one pool apart.
        matched: equal or consistently renamed tokens backwards.
        after: tokens of the next line that are equal too.
        renames: word numbers there to word numbers here.
    """

    pool: Pool
    position: int
    end: int
    exact: int
    before: list[int]
    line: list[int]
    text: str
    file: int
    matched: int = 0
    after: int = 0
    renames: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Hypothesis:
    """A continuation.

    Attributes:
        text: ready to insert.
        words: numbers of its words.
        voters: candidates that say so, each with whether it says so by renaming.
        length: tokens.
    """

    text: str
    words: list[int]
    length: int
    voters: list[tuple[Candidate, bool]] = field(default_factory=list)

    @property
    def lead(self) -> Candidate:
        """The best of its voters."""
        return max(
            (candidate for candidate, _ in self.voters),
            key=lambda found: (found.matched, found.exact, found.pool.origin),
        )
