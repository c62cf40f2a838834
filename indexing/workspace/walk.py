"""The walk over a root: finds the files that may be indexed and counts the excluded ones by reason.

Indexing, watching and reviewing use this one walk, so that they enter the same folders. It follows no symbolic link, so
there are no loops: a target inside the root is found at its own place, and a target outside is excluded. It does not
enter pseudo file systems (`/proc`). An unreadable folder is counted. It reads no files but ignore files. Start at
`walk`.
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
    from indexing.workspace.exclusion import Exclusion
    from indexing.workspace.ignore_rules import Rules


@dataclass(frozen=True, slots=True)
class WalkedFile:
    """A file that may be indexed.

    Attributes:
        relative: path relative to the root, separated by "/".
        mtime_ns: time of the last change.
        size: in bytes.
        waived: reasons of its content that do not exclude it.
    """

    relative: str
    mtime_ns: int
    size: int
    waived: tuple[str, ...] = ()


@dataclass(slots=True)
class WalkCounts:
    """Number of excluded files and folders by reason, filled while `walk` runs; a folder counts once."""

    skipped: Counter[str] = field(default_factory=Counter)


class Visitor(Protocol):
    """An observer of the folders that a walk enters."""

    def enter(self, folder: str) -> None:
        """Note that the walk enters `folder`; called before it is listed, so that a later change is not missed."""

    def leave(self, folder: str) -> None:
        """Forget `folder`, because it is excluded, unreadable, or was entered under another name."""


def walk(  # noqa: PLR0913 (each is a part of the question)
    exclusion: Exclusion,
    limits: IndexLimits,
    counts: WalkCounts,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    start: str = "",
    visitor: Visitor | None = None,
) -> Iterator[WalkedFile]:
    """Yield the files that may be indexed in a stable order, folder by folder, at most `limits.max_files`.

    Args:
        exclusion: the filter of the root to walk.
        limits: size and number bounds.
        counts: is filled with the excluded files and folders.
        cancelled: is called at each folder; the walk ends when it returns true.
        start: the folder to walk, relative to the root and with a trailing "/"; the root itself by default.
        visitor: is told of the folders.

    Raises:
        OSError: the root itself cannot be read.
    """
    for count, found in enumerate(_Walker(exclusion, limits, counts, cancelled, visitor).walk_from(start)):
        if count >= 2 * limits.max_files:
            return  # the root is a whole disk: the walk must end
        if count >= limits.max_files:
            counts.skipped["over the file limit"] += 1
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
        counts: WalkCounts,
        cancelled: Callable[[], bool],
        visitor: Visitor | None,
    ) -> None:
        self._visitor = visitor
        self._exclusion = exclusion
        self._limits = limits
        self._skipped = counts.skipped
        self._cancelled = cancelled
        self._root = str(exclusion.root)
        self._pseudo = mounts.list_pseudo_mounts()
        self._entered: set[tuple[int, int]] = set()  # junctions and bind mounts make loops without symbolic links

    def walk_from(self, start: str) -> Iterator[WalkedFile]:
        """Yield the files to index in the folder `start` and below, and count the excluded files and folders."""
        waiting = self._find_start(start)
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
            entries = self._list_entries(folder)
            rules = self._read_rules(folder, {entry.name for entry in entries}) if entries is not None else None
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
                if not _is_folder(entry) and (found := self._check_entry(entry, folder.relative + entry.name, rules)):
                    yield found

    def _find_start(self, start: str) -> list[_Folder]:
        """Return the folder `start` in a list; empty if it is no folder, or one above it is excluded or unreadable."""
        folder = _Folder(self._root, "", "", self._exclusion.read_root_rules())
        for name in start.removesuffix("/").split("/") if start else ():
            try:
                held = set(os.listdir(folder.path))  # noqa: PTH208 (strings all the way, as below)
                rules = self._read_rules(folder, held)
                path = os.path.join(folder.path, name)  # noqa: PTH118
                if rules is None or not stat.S_ISDIR(os.lstat(path).st_mode):
                    return []
            except OSError:
                return []
            folder = _Folder(path, name, f"{folder.relative}{name}/", rules)
        return [folder]

    def _list_entries(self, folder: _Folder) -> list[os.DirEntry[str]] | None:
        """Return a folder's entries, sorted; if it is unreadable or was entered before, count it and return None.

        Raises:
            OSError: the folder is the root and is unreadable.
        """
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

    def _read_rules(self, folder: _Folder, held: set[str]) -> Rules | None:
        """Return the rules for a folder that contains the names `held`; if it is excluded, count it and return None."""
        if not folder.relative:
            return folder.rules
        if reason := self._exclusion.find_folder_reason(folder.rules, folder.name, folder.relative, held):
            self._skipped[reason] += 1
            return None
        return self._exclusion.read_folder_rules(folder.rules, folder.path, folder.relative, held)

    def _check_entry(self, entry: os.DirEntry[str], relative: str, rules: Rules) -> WalkedFile | None:
        """Return an entry as a file to index; if it is excluded, count it and return None."""
        try:
            found = entry.stat(follow_symlinks=False)
            reason = self._find_reason(entry, relative, rules, found)
        except UnicodeEncodeError:
            reason = "undecodable name"
        except OSError:
            reason = "unreadable"
        if reason:
            self._skipped[reason] += 1
            return None
        return WalkedFile(
            relative, found.st_mtime_ns, found.st_size, self._exclusion.find_waived_reasons(rules, relative)
        )

    def _find_reason(self, entry: os.DirEntry[str], relative: str, rules: Rules, found: os.stat_result) -> str:
        """Return the reason to exclude an entry that is no folder; "" for none.

        Raises:
            UnicodeEncodeError: its name is not Unicode.
        """
        if stat.S_ISLNK(found.st_mode):
            real = os.path.realpath(entry.path)
            return "link" if real == self._root or real.startswith(self._root.rstrip(os.sep) + os.sep) else "outside"
        if reason := self._exclusion.find_file_reason(rules, entry.name, relative):
            return reason
        relative.encode()
        if not stat.S_ISREG(found.st_mode):
            return "special"
        return "too large" if found.st_size > self._limits.max_file_bytes else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder; False for a link to a folder and if it cannot be read."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
