"""Finds the files of a root that may be indexed, counting what is left out and why.

Follows no symbolic link: what a link inside the root leads to is found at its own place, and what it leads to outside
is not ours; so loops cannot arise. An unreadable folder is counted, never fatal. Reads no file contents (except ignore
files). Start at `walk`.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexing.exclusion import Exclusion, Rules
    from indexing.limits import IndexLimits


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be indexed; `relative` to the root, `/`-separated."""

    relative: str
    mtime_ns: int
    size: int


@dataclass(slots=True)
class Walk:
    """What a walk left out, by reason; filled while `walk` runs. Folders count once, whatever they hold."""

    skipped: Counter[str] = field(default_factory=Counter)


def walk(
    exclusion: Exclusion, limits: IndexLimits, seen: Walk, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Found]:
    """Yield files in a stable order, folder by folder.

    Args:
        exclusion: the filter of the root to walk.
        limits: size and number bounds.
        seen: counts what is left out.
        cancelled: asked at each folder.

    Raises:
        OSError: the root itself cannot be read.
    """
    root = str(exclusion.root)
    rules = exclusion.root_rules()
    waiting: list[tuple[str, str, str, Rules]] = [(root, "", "", rules)]
    entered: set[tuple[int, int]] = set()  # junctions and bind mounts can loop without being symbolic links
    count = 0
    while waiting and not cancelled():
        folder, name, relative, rules = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            identity = os.stat(folder)  # noqa: PTH116  # strings all the way: this is the hot loop
        except OSError:
            if not relative:
                raise
            seen.skipped["unreadable"] += 1
            continue
        if (identity.st_dev, identity.st_ino) in entered and identity.st_ino:
            seen.skipped["link"] += 1
            continue
        entered.add((identity.st_dev, identity.st_ino))
        held = {entry.name for entry in entries}
        if relative:
            if reason := exclusion.folder(rules, name, relative, held):
                seen.skipped[reason] += 1
                continue
            rules = exclusion.enter(rules, folder, relative, held)
        for entry in reversed(entries):
            if _is_folder(entry):
                waiting.append((entry.path, entry.name, f"{relative}{entry.name}/", rules))
        for entry in entries:
            found = _file(entry, relative, exclusion, rules, limits, seen)
            if found is None:
                continue
            if count >= limits.max_files:
                seen.skipped["over the file limit"] += 1
                continue
            count += 1
            yield found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _file(
    entry: os.DirEntry[str], folder: str, exclusion: Exclusion, rules: Rules, limits: IndexLimits, seen: Walk
) -> Found | None:
    """The entry as a file to be indexed; None, and counted, when it is left out; None for folders."""
    relative = folder + entry.name
    try:
        if entry.is_dir(follow_symlinks=False):
            return None
        if entry.is_symlink():
            seen.skipped[_link_reason(entry, exclusion)] += 1
            return None
        if reason := exclusion.file(rules, entry.name, relative):
            seen.skipped[reason] += 1
            return None
        found = entry.stat(follow_symlinks=False)
        relative.encode()
    except UnicodeEncodeError:
        seen.skipped["undecodable name"] += 1
        return None
    except OSError:
        seen.skipped["unreadable"] += 1
        return None
    if not stat.S_ISREG(found.st_mode):
        seen.skipped["special"] += 1
        return None
    if found.st_size > limits.max_file_bytes:
        seen.skipped["too large"] += 1
        return None
    return Found(relative, found.st_mtime_ns, found.st_size)


def _link_reason(entry: os.DirEntry[str], exclusion: Exclusion) -> str:
    real = os.path.realpath(entry.path)
    root = str(exclusion.root)
    return "link" if real == root or real.startswith(root.rstrip(os.sep) + os.sep) else "outside"
