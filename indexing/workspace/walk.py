"""Finds the files of a root that may be indexed, counting what is left out and why.

The one walk of the program: indexing, watching and reviewing enter the same folders. Follows no symbolic link: what a
link inside the root leads to is found at its own place, and what it leads to outside is not ours; so loops cannot
arise. Pseudo file systems (`/proc`) are not entered. An unreadable folder is counted, never fatal. Reads no file
contents (except ignore files). Start at `walk`.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from indexing.workspace import mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexing.limits import IndexLimits
    from indexing.workspace.exclusion import Exclusion, Rules


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be indexed, `relative` to the root and `/`-separated; `waived` reasons in it do not count."""

    relative: str
    mtime_ns: int
    size: int
    waived: tuple[str, ...] = ()


@dataclass(slots=True)
class Walk:
    """What a walk left out, by reason; filled while `walk` runs. Folders count once, whatever they hold."""

    skipped: Counter[str] = field(default_factory=Counter)


class Visitor(Protocol):
    """Hears of the folders that a walk enters."""

    def enter(self, folder: str) -> None:
        """Take note of a folder; called before it is listed, so that nothing comes unseen after that."""

    def leave(self, folder: str) -> None:
        """Forget a folder: it is left out, unreadable, or was entered by another name."""


def walk(  # noqa: PLR0913 (each is a part of the question)
    exclusion: Exclusion,
    limits: IndexLimits,
    seen: Walk,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    start: str = "",
    visitor: Visitor | None = None,
) -> Iterator[Found]:
    """Yield files in a stable order, folder by folder.

    Args:
        exclusion: the filter of the root to walk.
        limits: size and number bounds.
        seen: counts what is left out.
        cancelled: asked at each folder.
        start: the folder to walk, relative to the root and with a trailing "/"; the root itself by default.
        visitor: hears of the folders.

    Raises:
        OSError: the root itself cannot be read.
    """
    for count, found in enumerate(_Walker(exclusion, limits, seen, cancelled, visitor).files(start)):
        if count >= 2 * limits.max_files:
            return  # a whole disk was opened: it must not be walked for ever
        if count >= limits.max_files:
            seen.skipped["over the file limit"] += 1
        else:
            yield found


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    name: str
    relative: str  # with a trailing "/", "" for the root
    rules: Rules  # of the folder around it


class _Walker:
    def __init__(
        self,
        exclusion: Exclusion,
        limits: IndexLimits,
        seen: Walk,
        cancelled: Callable[[], bool],
        visitor: Visitor | None,
    ) -> None:
        self._visitor = visitor
        self._exclusion = exclusion
        self._limits = limits
        self._skipped = seen.skipped
        self._cancelled = cancelled
        self._root = str(exclusion.root)
        self._pseudo = mounts.pseudo()
        self._entered: set[tuple[int, int]] = set()  # junctions and bind mounts loop without being symbolic links

    def files(self, start: str) -> Iterator[Found]:
        waiting = self._begin(start)
        while waiting and not self._cancelled():
            folder = waiting.pop()
            if folder.path in self._pseudo:
                self._skipped["pseudo file system"] += 1
                continue
            if len(self._entered) >= self._limits.max_folders:
                self._skipped["over the folder limit"] += 1
                continue
            if self._visitor is not None:
                self._visitor.enter(folder.path)
            entries = self._entries(folder)
            rules = self._rules(folder, {entry.name for entry in entries}) if entries is not None else None
            if entries is None or rules is None:
                if self._visitor is not None:
                    self._visitor.leave(folder.path)
                continue
            waiting.extend(
                _Folder(entry.path, entry.name, f"{folder.relative}{entry.name}/", rules)
                for entry in reversed(entries)
                if _is_folder(entry)
            )
            for entry in entries:
                if not _is_folder(entry) and (found := self._file(entry, folder.relative + entry.name, rules)):
                    yield found

    def _begin(self, start: str) -> list[_Folder]:
        """Return the folder to begin with, none when one on the way to it is left out."""
        folder = _Folder(self._root, "", "", self._exclusion.root_rules())
        for name in start.removesuffix("/").split("/") if start else ():
            try:
                held = set(os.listdir(folder.path))  # noqa: PTH208 (strings all the way, as below)
                rules = self._rules(folder, held)
                path = os.path.join(folder.path, name)  # noqa: PTH118
                if rules is None or not stat.S_ISDIR(os.lstat(path).st_mode):
                    return []
            except OSError:
                return []
            folder = _Folder(path, name, f"{folder.relative}{name}/", rules)
        return [folder]

    def _entries(self, folder: _Folder) -> list[os.DirEntry[str]] | None:
        """List the folder by name; None, and counted, when it cannot be read or was entered before."""
        try:
            with os.scandir(folder.path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            found = os.stat(folder.path)  # noqa: PTH116  # strings all the way: this is the hot loop
        except OSError:
            if not folder.relative:
                raise
            self._skipped["unreadable"] += 1
            return None
        identity = (found.st_dev, found.st_ino)
        if found.st_ino and identity in self._entered:
            self._skipped["link"] += 1
            return None
        self._entered.add(identity)
        return entries

    def _rules(self, folder: _Folder, held: set[str]) -> Rules | None:
        """Return the rules in force in the folder, which holds these names; None, and counted, when it is left out."""
        if not folder.relative:
            return folder.rules
        if reason := self._exclusion.folder(folder.rules, folder.name, folder.relative, held):
            self._skipped[reason] += 1
            return None
        return self._exclusion.enter(folder.rules, folder.path, folder.relative, held)

    def _file(self, entry: os.DirEntry[str], relative: str, rules: Rules) -> Found | None:
        """The entry as a file to be indexed; None, and counted, when it is left out."""
        try:
            found = entry.stat(follow_symlinks=False)
            reason = self._reason(entry, relative, rules, found)
        except UnicodeEncodeError:
            reason = "undecodable name"
        except OSError:
            reason = "unreadable"
        if reason:
            self._skipped[reason] += 1
            return None
        return Found(relative, found.st_mtime_ns, found.st_size, self._exclusion.waived(rules, relative))

    def _reason(self, entry: os.DirEntry[str], relative: str, rules: Rules, found: os.stat_result) -> str:
        if stat.S_ISLNK(found.st_mode):
            real = os.path.realpath(entry.path)
            return "link" if real == self._root or real.startswith(self._root.rstrip(os.sep) + os.sep) else "outside"
        if reason := self._exclusion.file(rules, entry.name, relative):
            return reason
        relative.encode()
        if not stat.S_ISREG(found.st_mode):
            return "special"
        return "too large" if found.st_size > self._limits.max_file_bytes else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
