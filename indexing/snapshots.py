"""What is searched at one moment: the segments of all roots, what changed since, and the open documents over them.

Snapshots are frozen and swapped as a whole; `Sources` makes them. Reads the store and analyses open documents; never
writes. Imports numpy through `indexing.segments`: import this module where it is needed. Start at `Sources.snapshot`.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.process.analysis import Analysis, analyze_text
from indexing.segments import FileKey, Segment, View
from indexing.storage import blobs
from indexing.storage.index_files import Places
from indexing.storage.segment_files import OverlayFile
from indexing.storage.storage_errors import DAMAGE
from indexing.storage.store import Changes, Counts, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexing.limits import IndexLimits
    from indexing.syntax.documents import Document

_UNTITLED = ""  # root key of documents that lie in no root
_NOTHING = Changes("", -1, "", (), ())
_DAMAGE = ("", "missing", "damaged")  # in order of weight


@dataclass(frozen=True, slots=True)
class Opened:
    """An open document with its analysis, under the path it has in its root ("" root for none).

    Attributes:
        shared: whether others may be answered from it; else only its own questions are.
    """

    document: Document
    analysis: Analysis
    root: str
    relative: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the index.

    Attributes:
        view: what answers.
        roots: workspace folders by root key.
        opened: open documents by file key.
        keys: file keys of open documents by URI.
        known: file keys of other documents that asked, by path: the store is not asked again at each key.
    """

    view: View
    roots: Mapping[str, Path]
    opened: Mapping[FileKey, Opened]
    keys: Mapping[str, FileKey]
    known: dict[Path, FileKey | None] = field(default_factory=dict)

    def path(self, key: FileKey) -> Path:
        """Return the absolute path of a file; of a cell that of its notebook."""
        if key in self.opened and (path := _place(self.opened[key].document)) is not None:
            return path
        return self.roots.get(key[0], Path("/")) / self.view.relative(key)


@dataclass(slots=True)
class _Root:
    """What is loaded of one root."""

    path: Path
    places: Places
    store: Store | None = None
    identity: tuple[int, int] | None = None  # of the database that `store` has open
    segment: Segment | None = None
    segment_of: tuple[str, str] = ("", "")  # the database it belongs to, and its name
    changes: Changes = field(default=_NOTHING)
    damage: str = ""


class Sources:
    """Loads what snapshots are made of. Thread-safe; slow work is done under its own lock, never in a search."""

    def __init__(self, roots: Sequence[Path], storage: Path, limits: IndexLimits) -> None:
        self._limits = limits
        self._lock = threading.RLock()
        self._roots = {places.key: _Root(root, places) for root in roots for places in [Places.of(storage, root)]}
        self._opened: dict[str, Opened] = {}
        self._fresh_ids: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def load(self) -> None:
        """Look at the stored index of each root again."""
        with self._lock:
            for root in self._roots.values():
                self._load(root)

    def outdated(self) -> bool:
        """Return whether a stored index has changed since it was loaded, or could not be loaded then."""
        with self._lock:
            for root in self._roots.values():
                try:
                    generation = root.store.read_generation() if root.store is not None else -1
                except (sqlite3.Error, *DAMAGE):
                    generation = -1
                if generation != root.changes.generation or root.places.identity() != root.identity:
                    return True
                if root.damage == "damaged":  # perhaps it is whole by now
                    return True
        return False

    def damage(self) -> str:
        """Return what is wrong with what was loaded last: "missing", "damaged", or "" for nothing."""
        with self._lock:
            return max((root.damage for root in self._roots.values()), key=_DAMAGE.index, default="")

    def open(self, document: Document, *, shared: bool) -> None:
        """Analyse an open document, unless it is too large; `shared`: whether others may be answered from it."""
        if len(document.text) > self._limits.open_bytes or (document.path is not None and not shared):
            self.shut(document.uri)
            return
        analysis = analyze_text(document.text, document.language)
        root, relative = self._home(document)
        with self._lock:
            self._opened[document.uri] = Opened(document, analysis, root, relative, shared)

    def shut(self, uri: str) -> None:
        """The document is closed: what is on disk counts again."""
        with self._lock:
            self._opened.pop(uri, None)
            self._fresh_ids.pop(uri, None)

    def opened(self, uri: str) -> Opened | None:
        """The last analysis of an open document."""
        return self._opened.get(uri)

    def file_key(self, path: Path) -> FileKey | None:
        """Key of an indexed file by its path."""
        with self._lock:
            home = self._locate(path)
            return self._stored_key(*home) if home else None

    def snapshot(self) -> Snapshot:
        """Everything loaded, as one moment."""
        with self._lock:
            overlays: dict[FileKey, OverlayFile] = {}
            hidden: set[FileKey] = set()
            segments = []
            for key, root in self._roots.items():
                if root.segment is not None:
                    segments.append((key, root.segment))
                hidden.update((key, gone) for gone in root.changes.gone)
                for stored in root.changes.changed:
                    overlays[key, stored.id] = OverlayFile(stored.relative, stored.mtime, stored.blob)
            keys: dict[str, FileKey] = {}
            opened: dict[FileKey, Opened] = {}
            for uri, each in self._opened.items():
                if not each.shared:
                    continue
                kept = self._stored_key(each.root, each.relative) if each.document.path is not None else None
                own = kept or (each.root, self._fresh_id(uri))
                keys[uri] = own
                opened[own] = each
                overlays[own] = OverlayFile(each.relative, _NOW, each.analysis.blob)
                hidden.discard(own)
            roots = {key: root.path for key, root in self._roots.items()}
            return Snapshot(View(segments, overlays, hidden), roots, opened, keys)

    def counts(self) -> list[tuple[Places, Counts | None, str]]:
        """For each root its places, its figures (None before there are any), and when its last pass ended."""
        with self._lock:
            result: list[tuple[Places, Counts | None, str]] = []
            for root in self._roots.values():
                try:
                    store = root.store or Store.read(root.places)
                    with nullcontext() if store is None or store is root.store else store:
                        result.append(
                            (root.places, store.count(), store.read_meta("indexed_at"))
                            if store
                            else (root.places, None, "")
                        )
                except (sqlite3.Error, *DAMAGE):
                    result.append((root.places, None, ""))
            return result

    def close(self) -> None:
        """Close all; safe twice."""
        with self._lock:
            for root in self._roots.values():
                self._unload(root)

    def _load(self, root: _Root) -> None:
        """Load what is stored now; where it is missing or damaged, what was loaded before goes on to be searched."""
        identity = root.places.identity()
        try:
            if root.store is None or identity != root.identity:
                self._close(root)
                root.store, root.identity = Store.read(root.places), identity
            if root.store is None:
                root.damage = "damaged" if identity is not None else "missing" if root.segment is not None else ""
                return
            changes = root.store.read_changes(self._limits.pending_files)
            if not changes.segment:
                self._close(root)  # it is being made
                return
            for stored in changes.changed:
                blobs.check(stored.blob)
            if root.segment_of != (changes.born, changes.segment):
                segment = Segment.open(root.places.storage / changes.segment)
                if root.segment is not None:
                    root.segment.close()
                root.segment, root.segment_of = segment, (changes.born, changes.segment)
            root.changes, root.damage = changes, ""
        except (sqlite3.Error, OSError, *DAMAGE) as error:
            # damaged, or replaced between two looks
            self._close(root)
            root.damage = "missing" if isinstance(error, FileNotFoundError) else "damaged"

    @staticmethod
    def _close(root: _Root) -> None:
        if root.store is not None:
            root.store.close()
        root.store, root.identity = None, None

    def _unload(self, root: _Root) -> None:
        self._close(root)
        if root.segment is not None:
            root.segment.close()
        root.segment, root.segment_of, root.changes = None, ("", ""), _NOTHING

    def _home(self, document: Document) -> tuple[str, str]:
        path = _place(document)
        home = self._locate(path) if path is not None and path.is_absolute() else None
        if home:
            return home
        return _UNTITLED, path.as_posix() if path is not None else document.uri.rsplit("/", 1)[-1]

    def _locate(self, path: Path) -> tuple[str, str] | None:
        real = Path(os.path.realpath(path))
        for key, root in self._roots.items():
            if real.is_relative_to(root.path):
                return key, real.relative_to(root.path).as_posix()
        return None

    def _stored_key(self, key: str, relative: str) -> FileKey | None:
        root = self._roots.get(key)
        if root is None or root.store is None:
            return None
        try:
            file_id = root.store.find_file_id(relative)
        except (sqlite3.Error, UnicodeEncodeError):
            return None
        return (key, file_id) if file_id is not None else None

    def _fresh_id(self, uri: str) -> int:
        """A negative id for a document that is not stored."""
        if uri not in self._fresh_ids:
            self._fresh_ids[uri] = -next(self._numbers)
        return self._fresh_ids[uri]


def _place(document: Document) -> Path | None:
    """Return the file of a document, or that of which it is a part."""
    return document.path or (document.origins[0] if document.origins else None)


_NOW = 4102444800.0  # open documents are the most recent of all: the year 2100
