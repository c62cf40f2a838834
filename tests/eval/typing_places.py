"""Keys at which a user who types a package's code would be asked for, drawn with a fixed seed.

Each line of code is taken away from the key on, as it stands while it is typed with the rest of the file in place.
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

LEAST_LEFT = 2  # characters; fewer are quicker typed than taken


def choose_keys(package: Package, lines: int, each: int) -> list[list[Place]]:
    """Return up to `each` keys of up to `lines` lines of a package, by line."""
    rng = random.Random(f"{SEED} typing {package.name}")  # noqa: S311 - a sample that repeats, no secret
    found = [
        place
        for path in package.files()
        for place in masks.cut_file(path, path.relative_to(package.root).as_posix(), package.source, rng)
    ]
    return [
        sorted(choose_keys_of_line(place, each, rng), key=lambda one: one.start)
        for place in rng.sample(found, min(lines, len(found)))
    ]


def choose_keys_of_line(place: Place, each: int, rng: random.Random) -> list[Place]:
    """Return the line of `place` after some of its keys; the first key is the one that begins it."""
    line = place.text.rfind("\n", 0, place.start) + 1
    text = place.text[line : place.end]
    begin = line + len(text) - len(text.lstrip())
    last = place.end - LEAST_LEFT
    if last < begin:
        return []
    chosen = rng.sample(range(begin, last + 1), min(each, last + 1 - begin))
    return [replace(place, start=start) for start in chosen]
