"""The watched folders, which are those that the walk enters, and the files that their events say have changed.

Runs in the watching process (`indexing.workspace.watching.watcher`); reads folders and ignore files, never writes.
Start at `WatchedFolders.apply`.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from indexing.workspace.exclusion import Exclusion
from indexing.workspace.ignore_rules import DECIDING_FILES
from indexing.workspace.walk import WalkCounts, walk
from indexing.workspace.watching import inotify

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from indexing.limits import IndexLimits
    from indexing.workspace.watching.inotify import Event

MOST_PATHS = 1000  # reported at once; for more, the whole root is reported


class Watches(Protocol):
    """A watcher of single folders, such as `indexing.workspace.watching.inotify.Notifier`."""

    def add(self, folder: str) -> int:
        """Watch a folder; return the number of the watch."""
        ...

    def remove(self, number: int) -> None:
        """Remove a watch."""


@dataclass(slots=True)
class _Batch:
    """Changes that some events report.

    Attributes:
        changed: changed files.
        come: new folders.
        gone: deleted folders.
        again: all roots must be walked again, because an ignore file changed or events were lost.
    """

    changed: set[str] = field(default_factory=set)
    come: dict[str, None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    again: bool = False

    def add(self, event: Event, path: str) -> None:
        """Note the change that an event about the entry at `path` reports."""
        if event.mask & inotify.ISDIR:
            if event.mask & (inotify.CREATE | inotify.MOVED_TO):
                self.come[path] = None
            if event.mask & (inotify.DELETE | inotify.MOVED_FROM):
                self.gone.add(path)
        elif event.name:
            self.changed.add(path)
            self.again = self.again or event.name in DECIDING_FILES


class WatchedFolders:
    """The watched folders of some roots."""

    def __init__(self, roots: Sequence[Path], limits: IndexLimits, watches: Watches) -> None:
        self._limits = limits
        self._watches = watches
        self._most = inotify.limit_watch_count(limits.watches)
        self._exclusions = {str(root): Exclusion(root, limits) for root in roots}
        self._roots = {str(each.root): each for each in self._exclusions.values()}
        self._folders: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._visited: set[str] | None = None  # by the walk of all roots that is running
        self._full = False
        self.unwatched = 0
        self.rescan_s = 0.0

    @property
    def roots(self) -> set[str]:
        """Real paths of the roots."""
        return set(self._roots)

    # As the visitor of a walk

    def enter(self, folder: str) -> None:
        """Watch `folder`, or count it as unwatched if no watch is left; ignores one that is gone or unreadable."""
        if self._visited is not None:
            self._visited.add(folder)
        if folder in self._numbers:
            return
        if self._full or len(self._folders) >= self._most:
            self.unwatched += 1
            return
        try:
            number = self._watches.add(folder)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._full = True
                self.unwatched += 1
            return  # else it is gone or unreadable
        if (before := self._folders.get(number)) is not None:
            self._numbers.pop(before, None)  # it was moved, or is reached by two names
        self._folders[number] = folder
        self._numbers[folder] = number

    def leave(self, folder: str) -> None:
        """Stop watching `folder`."""
        number = self._numbers.pop(folder, None)
        if number is not None:
            self._folders.pop(number, None)
            self._watches.remove(number)
            self._full = False

    # For the process

    def rescan(self) -> None:
        """Walk all roots and watch exactly the folders that the walk enters."""
        begun = time.monotonic()
        self.unwatched, self._full, self._visited = 0, False, set()
        for root in self._roots:
            self._walk(root, "")
        for folder in self._numbers.keys() - self._visited:
            self.leave(folder)
        self._visited = None
        self.rescan_s = time.monotonic() - begun

    def find_lost_roots(self) -> set[str]:
        """Return the roots that exist but are not watched, because they were missing for a while.

        Returns none while any folder is unwatched for lack of watches.
        """
        if self.unwatched:
            return set()
        return {root for root in self._roots if root not in self._numbers and os.path.isdir(root)}  # noqa: PTH112

    def apply(self, events: Iterable[Event]) -> set[str]:
        """Follow new and deleted folders; return the changed paths, or the roots if there are too many.

        After lost events or a change of an ignore file, walks all roots again and returns them.
        """
        batch = _Batch()
        for event in events:
            folder = self._folders.get(event.watch)
            if event.mask & inotify.OVERFLOW:
                batch.again = True
            elif folder is None:
                continue
            elif event.mask & inotify.IGNORED:
                self._forget(event.watch, folder)
            else:
                batch.add(event, f"{folder}/{event.name}")
        self._drop(batch.gone)
        if batch.again:
            self.rescan()
            return self.roots
        changed = batch.changed | batch.gone
        for path in batch.come:
            if path not in self._numbers:  # else the walk of its parent has entered it
                changed |= self._watch_new_folder(path)
        return changed if len(changed) <= MOST_PATHS else self.roots

    def _forget(self, number: int, folder: str) -> None:
        """Forget the watch `number` of `folder`, which the system has removed."""
        del self._folders[number]
        if self._numbers.get(folder) == number:
            del self._numbers[folder]

    def _drop(self, gone: set[str]) -> None:
        """Remove the watches of moved or deleted folders and of all folders in them."""
        if gone:
            for folder in [each for each in self._numbers if _is_within(each, gone)]:
                self.leave(folder)

    def _watch_new_folder(self, path: str) -> set[str]:
        """Watch a new folder and the folders in it; return the files in them."""
        for root in self._roots:
            if path.startswith(f"{root.rstrip('/')}/"):
                return self._walk(root, path[len(root.rstrip("/")) + 1 :] + "/")
        return set()

    def _walk(self, root: str, start: str) -> set[str]:
        """Walk the folder `start` of a root and watch the folders in it; return up to `MOST_PATHS` + 1 of its files.

        Returns none for the root itself.
        """
        found: set[str] = set()
        try:
            for each in walk(self._roots[root], self._limits, WalkCounts(), start=start, visitor=self):
                if start and len(found) <= MOST_PATHS:
                    found.add(f"{root.rstrip('/')}/{each.relative}")
        except OSError:
            return found  # the root is gone; `find_lost_roots` finds it when it is back
        return found


def _is_within(folder: str, gone: set[str]) -> bool:
    """Return whether `folder` is one of the folders `gone` or in one of them."""
    while len(folder) > 1:
        if folder in gone:
            return True
        folder = folder.rpartition("/")[0]
    return False
