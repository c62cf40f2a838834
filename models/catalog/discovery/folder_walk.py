"""Bounded walks through the folders of other programs, never into a folder behind a link. Start at `walk_files`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.catalog.discovery.found_model import MOST_ENTRIES
from models.conversion.gguf_contents import SHARD, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk_files(folder: Path, depth: int) -> Iterator[Path]:
    """Yield all files down to `depth` folders below `folder`, sorted by name; at most `MOST_ENTRIES`."""
    left = [MOST_ENTRIES]
    yield from _walk(folder, depth, left)


def _walk(folder: Path, depth: int, left: list[int]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            listed = []
            for entry in entries:
                left[0] -= 1
                if left[0] < 0:
                    return
                listed.append(entry)
    except OSError:  # not there, or not ours to read
        return
    for entry in sorted(listed, key=lambda one: one.name):
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth > 0:
                    yield from _walk(Path(entry.path), depth - 1, left)
            elif entry.is_file():
                yield Path(entry.path)
        except OSError:
            continue


def find_ggufs(folder: Path, depth: int) -> Iterator[Path]:
    """Return all GGUF files by their names; of a model in several parts the first."""
    for file in walk_files(folder, depth):
        part = SHARD.fullmatch(file.name)
        if file.name.endswith(SUFFIX) and (part is None or int(part["number"]) == 1):
            yield file
