"""In which order the tests run on several processors: long ones first, so that none is waited for in the end.

xdist gives each worker an equal piece of the list and lets those that are done take from the others' ends. Start at
`long_first`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def long_first(tests: Sequence[T], is_long: Callable[[T], bool], workers: int) -> list[T]:
    """Return `tests` so that the piece of each of the `workers` begins with its share of the long ones.

    Otherwise they stay in the order they are in: tests of a file remain together and share what it sets up.
    """
    long = [test for test in tests if is_long(test)]
    short = [test for test in tests if not is_long(test)]
    ordered: list[T] = []
    for left in range(workers, 0, -1):
        size, share = (len(long) + len(short)) // left, len(long) // left
        ordered += [*long[:share], *short[: size - share]]
        del long[:share], short[: size - share]
    return ordered
