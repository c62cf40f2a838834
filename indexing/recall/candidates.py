"""Records of recall: a candidate is a position in a pool, a hypothesis is a continuation that candidates vote for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexing.recall.pools import Origin

if TYPE_CHECKING:
    from indexing.recall.pools import Pool


@dataclass(slots=True)
class Candidate:
    """A position whose continuation may also be right at the cursor.

    Attributes:
        pool: the pool that holds the position.
        position: index of the token before the continuation.
        end: index of the line break that ends the continued line.
        exact: number of tokens up to `position` that equal those before the cursor.
        before: the `WINDOW` tokens up to `position`, nearest first.
        line: the tokens after `position`, up to `end`.
        following: up to `pools.FOLLOWING` tokens after `end`.
        text: the text from the token at `position` to the token at `end`.
        file: number of the file within the pool.
        matched: as `exact`, with consistently renamed words counted as equal.
        after: number of tokens of the next line that also equal those after the cursor's line.
        renames: for words with another name at the cursor, their number there by their number here in the pool.
    """

    pool: Pool
    position: int
    end: int
    exact: int
    before: list[int]
    line: list[int]
    following: list[int]
    text: str
    file: int
    matched: int = 0
    after: int = 0
    renames: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Hypothesis:
    """A possible continuation at the cursor.

    Attributes:
        text: the text to insert.
        words: numbers of its words.
        length: number of tokens.
        voters: the candidates with this continuation, each with whether words had to be renamed for it.
    """

    text: str
    words: list[int]
    length: int
    voters: list[tuple[Candidate, bool]] = field(default_factory=list)

    @property
    def lead(self) -> Candidate:
        """The voter with the longest match; one in a library only if there is no other."""
        return max(
            (candidate for candidate, _ in self.voters),
            key=lambda found: (found.pool.origin > Origin.LIBRARY, found.matched, found.exact, found.pool.origin),
        )
