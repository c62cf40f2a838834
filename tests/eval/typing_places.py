"""Cursor positions after random keys of a user who types a package's code, drawn with a fixed seed.

The line of code is removed from the cursor on, as it is while it is typed, and the rest of the file is in place.
Start at `choose_keys`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.eval import masks
from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from tests.eval.data import Package
    from tests.eval.masks import Place

LEAST_LEFT = 2  # characters; fewer are quicker to type than to accept


def choose_keys(package: Package, lines: int, each: int) -> list[list[Place]]:
    """Return the places after up to `each` keys of up to `lines` random lines of a package, a list for each line."""
    rng = random.Random(f"{SEED} typing {package.name}")  # noqa: S311 - a sample that repeats, no secret
    found = [
        place
        for path in package.list_files()
        for place in masks.cut_file(path, path.relative_to(package.root).as_posix(), package.source, rng)
    ]
    return [
        sorted(choose_keys_of_line(place, each, rng), key=lambda one: one.start)
        for place in rng.sample(found, min(lines, len(found)))
    ]


def choose_keys_of_line(place: Place, each: int, rng: random.Random) -> list[Place]:
    """Return the places after up to `each` random keys of the line of `place`; none if the line is too short."""
    line = place.text.rfind("\n", 0, place.start) + 1
    text = place.text[line : place.end]
    begin = line + len(text) - len(text.lstrip())
    last = place.end - LEAST_LEFT
    if last < begin:
        return []
    chosen = rng.sample(range(begin, last + 1), min(each, last + 1 - begin))
    return [replace(place, start=start) for start in chosen]
