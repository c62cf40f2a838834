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
    """Yield the files in `folder` and down to `depth` folders below it, sorted by name in each folder.

    Stops after `MOST_ENTRIES` entries; skips folders that cannot be read.
    """
    left = [MOST_ENTRIES]
    yield from _walk(folder, depth, left)


def _walk(folder: Path, depth: int, left: list[int]) -> Iterator[Path]:
    """Yield the files as `walk_files` does; `left[0]`, the number of entries that may still be read, counts down."""
    try:
        with os.scandir(folder) as entries:
            listed = []
            for entry in entries:
                left[0] -= 1
                if left[0] < 0:
                    return
                listed.append(entry)
    except OSError:  # missing, or not readable for us
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
    """Yield the GGUF files down to `depth` folders below `folder`; of a model in several parts only the first file."""
    for file in walk_files(folder, depth):
        part = SHARD.fullmatch(file.name)
        if file.name.endswith(SUFFIX) and (part is None or int(part["number"]) == 1):
            yield file
