"""Mentions (`@path`) in a request that bring no text: a file that does not exist, a folder, a path outside.

Tells them from other words with an `@`: a decorator, an npm scope, an address. Start at `explain_missing`.
"""

from __future__ import annotations

import difflib
import os
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from agents.team.shown_text import escape_to_line
from indexing.syntax import languages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.team.tool import Workbench

LISTING_S = 0.2
MOST_COMPARED = 5000
"""Files whose names are compared with a name that does not exist."""

LONGEST_NAME = 200
"""Characters of a mention that may be meant as a file."""

_SIMILAR = 0.6
"""Least ratio of two names, from 0 to 1, of which one may be meant by the other."""


@dataclass(slots=True)
class Listing:
    """The names of the workspace's files that an agent may read, listed when they are first needed.

    Attributes:
        bench: the workbench of the agent.
        names: names relative to the workspace folder; None before the first listing.
    """

    bench: Workbench
    names: list[str] | None = None

    def list_names(self) -> list[str]:
        """Return the names that can be listed in `LISTING_S`, at most `MOST_COMPARED`. Blocking."""
        if self.names is None:
            self.names = []
            deadline = time.monotonic() + LISTING_S
            for path in self.bench.list_files():
                if time.monotonic() > deadline or len(self.names) >= MOST_COMPARED:
                    break
                self.names.append(self.bench.display(path))
        return self.names


def explain_missing(mention: str, listing: Listing, *, is_first: bool) -> str:
    """Return a sentence for the person and the model about a mention that names no file of the workspace. Blocking.

    Returns "" if the mention is hardly meant as a file.

    Args:
        mention: the text after the `@`, without lines; no file of the workspace has this name.
        listing: the names of the files.
        is_first: whether the request begins with the mention: a single word then names a role.
    """
    name = mention.replace("\\", "/")
    if len(name) > LONGEST_NAME or (is_first and name.replace("-", "_").isidentifier()):
        return ""
    places = [Path(os.path.normpath(root / name)) for root in listing.bench.roots]
    inside = [place for place, root in zip(places, listing.bench.roots, strict=True) if place.is_relative_to(root)]
    if not inside:
        return f"@{mention} is outside of the workspace, so it was not read."
    if any(map(os.path.isdir, inside)):
        return f"@{mention} is a folder, so none of its text comes along; name files in it."
    names = listing.list_names()
    nearest = (
        _find_nearest(name, names) if _looks_like_file(name, names, listing.bench) else _find_same_word(name, names)
    )
    if nearest is None:
        return ""
    hint = f"the nearest name is {escape_to_line(nearest)}" if nearest else "no name in the workspace is near it"
    return f"There is no file @{mention}; {hint}."


def _looks_like_file(name: str, names: Sequence[str], bench: Workbench) -> bool:
    """Return whether `name` has the form of a file's name: a known ending, or a path below a folder that exists.

    The endings of `names`, the files of the workspace, are known, too.
    """
    last = name.rpartition("/")[2]
    if name.startswith((".", "/", "~")) or languages.detect_by_name(last) != languages.TEXT:
        return True
    ending = PurePosixPath(last).suffix
    if "/" not in name:
        return bool(ending) and any(one.endswith(ending) for one in names)
    folder = name.partition("/")[0]
    return bool(ending) or any(os.path.isdir(root / folder) for root in bench.roots)  # noqa: PTH112 (pathlib's raises for too long a name)


def _find_same_word(name: str, names: Sequence[str]) -> str | None:
    """Return the first file of `names` that is called `name` but for upper case or its ending; None for none."""
    folded = name.casefold()
    paths = ((one, PurePosixPath(one)) for one in names)
    return next((one for one, path in paths if folded in {path.name.casefold(), path.stem.casefold()}), None)


def _find_nearest(name: str, names: Sequence[str]) -> str:
    """Return the one of `names` whose last part is the most similar to that of `name`; "" if none is similar.

    Of several with the same last part, the one with the most similar path.
    """
    ends: dict[str, list[str]] = {}
    for one in names:
        ends.setdefault(one.rpartition("/")[2].casefold(), []).append(one)
    close = difflib.get_close_matches(name.rpartition("/")[2].casefold(), ends, n=1, cutoff=_SIMILAR)
    return difflib.get_close_matches(name, ends[close[0]], n=1, cutoff=0.0)[0] if close else ""
