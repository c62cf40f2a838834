"""The pieces of a file that get a vector, and the text that the embedding model sees of each.

Start at `choose_pieces`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.records import Chunk

MOST_CHARACTERS = 2000  # of a piece; models read 256 to 512 tokens, which are shorter


def choose_pieces(chunks: Sequence[Chunk]) -> list[int]:
    """Return the ordinals of the chunks of one file that get a vector, in order.

    These are definitions, and windows of which more than half of the lines are in no definition. Windows inside of
    definitions would triple the work and find the same code.
    """
    covered: set[int] = set()
    for chunk in chunks:
        if chunk.kind != "window":
            covered.update(range(chunk.first_line, chunk.last_line))
    return [
        ordinal
        for ordinal, chunk in enumerate(chunks)
        if chunk.kind != "window"
        or 2 * sum(line in covered for line in range(chunk.first_line, chunk.last_line))
        < chunk.last_line - chunk.first_line
    ]


def describe_piece(relative: str, name: str, text: str) -> str:
    """Return the text that the embedding model sees of a piece: the file's path, the qualified name, and the code."""
    return f"{relative} {name}".rstrip() + "\n" + text[:MOST_CHARACTERS]
