"""Snapshots of the index: segments of all roots, files that changed since, and open documents.

Snapshots are immutable and replaced as a whole; `Sources` makes them. Reads the store and analyses open documents;
never writes. Imports numpy, so import this module where it is needed. Start at `Sources.make_snapshot`.
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

from indexing.libraries.loading import LoadedLibraries
from indexing.process.analysis import Analysis, analyze_text
from indexing.resolution.workspace_names import WorkspaceNames
from indexing.segments import FileKey, Segment, View
from indexing.storage import blobs
from indexing.storage.index_files import IndexPaths
from indexing.storage.segment_files import OverlayFile
from indexing.storage.storage_errors import DAMAGE
from indexing.storage.store import Store
from indexing.storage.store_records import Changes, Counts
from indexing.storage.use_marks import UseMark

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from indexing.libraries.library_files import Manifest
    from indexing.limits import IndexLimits
    from indexing.syntax.documents import Document

_UNTITLED = ""  # root key of documents in no root
_NOTHING = Changes("", -1, "", (), ())
_DAMAGE = ("", "missing", "damaged")  # in order of severity


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """An open document with its analysis.

    Attributes:
        document: the document.
        analysis: its chunks, imports and blob.
        root: key of its root; "" for none.
        relative: path in that root.
        shared: whether searches for other documents may find it.
    """

    document: Document
    analysis: Analysis
    root: str
    relative: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable state of the index.

    Attributes:
        view: the searched segments and overlays.
        roots: workspace folders by root key.
        opened: open documents by file key.
        keys: file keys of open documents by URI.
        find_library_path: returns the path on the disk of a file of a library by the key of its segment and its path
            there; None if it is gone.
        known: cache of the file keys of other documents by path.
    """

    view: View
    roots: Mapping[str, Path]
    opened: Mapping[FileKey, OpenDocument]
    keys: Mapping[str, FileKey]
    find_library_path: Callable[[str, str], Path | None]
    known: dict[Path, FileKey | None] = field(default_factory=dict)

    def resolve_path(self, key: FileKey) -> Path:
        """Return the absolute path of a file; for a cell, that of its notebook. Raises KeyError for an unknown key."""
        if key in self.opened and (path := _choose_path(self.opened[key].document)) is not None:
            return path
        return self.roots.get(key[0], Path("/")) / self.view.read_relative_path(key)


@dataclass(slots=True)
class _Root:
    """The loaded index of one root."""

    path: Path
    index_paths: IndexPaths
    store: Store | None = None
    identity: tuple[int, int] | None = None  # of the database file that `store` has open
    segment: Segment | None = None
    segment_of: tuple[str, str] = ("", "")  # random name of its database, and its own name
    changes: Changes = field(default=_NOTHING)
    damage: str = ""
    mark: UseMark = field(init=False)

    def __post_init__(self) -> None:
        self.mark = UseMark(self.index_paths)


class Sources:
    """The loaded indexes and open documents that snapshots are made of. Thread-safe; searches never wait for it."""

    def __init__(self, roots: Sequence[Path], storage: Path, limits: IndexLimits) -> None:
        self.names = WorkspaceNames()
        self._limits = limits
        self._lock = threading.RLock()
        self._roots = {
            index_paths.key: _Root(root, index_paths)
            for root in roots
            for index_paths in [IndexPaths.of(storage, root)]
        }
        self._libraries = LoadedLibraries(roots if limits.library_bytes else (), storage)
        self._opened: dict[str, OpenDocument] = {}
        self._made_ids: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def load(self) -> None:
        """Load the current state of each root's stored index; errors only show in `find_damage`."""
        with self._lock:
            for root in self._roots.values():
                self._load(root)
            if self._libraries.is_stale() or self._libraries.is_damaged:
                self._libraries.load()

    def is_stale(self) -> bool:
        """Return whether a stored index has changed since it was loaded, or was damaged then."""
        with self._lock:
            for root in self._roots.values():
                try:
                    generation = root.store.read_generation() if root.store is not None else -1
                except (sqlite3.Error, *DAMAGE):
                    generation = -1
                if generation != root.changes.generation or root.index_paths.read_identity() != root.identity:
                    return True
                if root.damage == "damaged":  # it may be repaired by now
                    return True
            return self._libraries.is_stale()

    def need_libraries(self) -> bool:
        """Return whether libraries have to be indexed again: packages have changed, or a segment is missing."""
        with self._lock:
            return self._libraries.is_damaged or self._libraries.has_changed_packages()

    def list_libraries(self) -> tuple[Manifest, ...]:
        """Return the manifests of the roots' libraries."""
        with self._lock:
            return self._libraries.manifests

    def find_damage(self) -> str:
        """Return the worst state of a root's index when loaded last: "damaged", "missing", or "" if all are usable."""
        with self._lock:
            return max((root.damage for root in self._roots.values()), key=_DAMAGE.index, default="")

    def open_document(self, document: Document, *, shared: bool) -> None:
        """Analyse an open document for the next snapshots; `shared` as in `OpenDocument`.

        A document that is too large, or is a file that is not shared, is forgotten instead.
        """
        if len(document.text) > self._limits.open_bytes or (document.path is not None and not shared):
            self.close_document(document.uri)
            return
        analysis = analyze_text(document.text, document.language)
        root, relative = self.locate_document(document)
        with self._lock:
            self._opened[document.uri] = OpenDocument(document, analysis, root, relative, shared)

    def close_document(self, uri: str) -> None:
        """Forget an open document, so that its file on disk is searched again."""
        with self._lock:
            self._opened.pop(uri, None)
            self._made_ids.pop(uri, None)

    def find_file_key(self, path: Path) -> FileKey | None:
        """Return the key of an indexed file by its path; None if it is not indexed."""
        with self._lock:
            home = self._locate(path)
            return self._find_stored_key(*home) if home else None

    def find_document_key(self, snapshot: Snapshot, document: Document) -> FileKey | None:
        """Return the key that `snapshot` has for `document`; None if it is neither open nor indexed."""
        return snapshot.keys.get(document.uri) or self.find_key(snapshot, document.path)

    def find_key(self, snapshot: Snapshot, path: Path | None) -> FileKey | None:
        """Return the key that `snapshot` has for the file at `path`; None if it is neither open nor indexed."""
        if path is None:
            return None
        for key, opened in snapshot.opened.items():
            if opened.document.path == path:
                return key
        if path not in snapshot.known:
            snapshot.known[path] = self.find_file_key(path)
        return snapshot.known[path]

    def list_imported_modules(self, document: Document, names: Collection[str]) -> list[str]:
        """Return the modules that `document` imports, those that provide one of `names` first."""
        opened = self._opened.get(document.uri)
        if opened is not None:
            imports = opened.analysis.imports
        else:
            from indexing.syntax.syntax import Syntax  # noqa: PLC0415  # tree-sitter

            imports = Syntax.of(document).imports
        wanted = set(names)
        ordered = sorted(imports, key=lambda each: wanted.isdisjoint(each.names))
        return list(dict.fromkeys(each.module for each in ordered))

    def make_snapshot(self) -> Snapshot:
        """Return a snapshot of the loaded indexes and of the open documents that are shared."""
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
            opened: dict[FileKey, OpenDocument] = {}
            for uri, each in self._opened.items():
                if not each.shared:
                    continue
                kept = self._find_stored_key(each.root, each.relative) if each.document.path is not None else None
                own = kept or (each.root, self._make_id(uri))
                keys[uri] = own
                opened[own] = each
                overlays[own] = OverlayFile(each.relative, _NOW, each.analysis.blob)
                hidden.discard(own)
            roots = {key: root.path for key, root in self._roots.items()}
            environments = {key: self._libraries.list_keys(path) for key, path in roots.items()}
            view = View(segments, overlays, hidden, self._libraries.segments, environments)
            return Snapshot(view, roots, opened, keys, self._libraries.find_path)

    def read_counts_by_root(self) -> list[tuple[IndexPaths, Counts | None, str]]:
        """Return for each root the paths of its index, its figures, and when its last full pass ended.

        The time is in seconds since the epoch, as text. Without a usable index the figures are None and the time is "".
        """
        with self._lock:
            result: list[tuple[IndexPaths, Counts | None, str]] = []
            for root in self._roots.values():
                try:
                    store = root.store or Store.open_for_reading(root.index_paths)
                    with nullcontext() if store is None or store is root.store else store:
                        result.append(
                            (root.index_paths, store.count(), store.read_meta("indexed_at"))
                            if store
                            else (root.index_paths, None, "")
                        )
                except (sqlite3.Error, *DAMAGE):
                    result.append((root.index_paths, None, ""))
            return result

    def close(self) -> None:
        """Close all stores and segments. Idempotent."""
        with self._lock:
            for root in self._roots.values():
                self._unload(root)
            self._libraries.close()

    def _load(self, root: _Root) -> None:
        """Load the stored index of `root`, and set its `damage`; on an error the segment loaded before stays in use."""
        root.mark.hold()
        identity = root.index_paths.read_identity()
        try:
            if root.store is None or identity != root.identity:
                self._close_store(root)
                root.store, root.identity = Store.open_for_reading(root.index_paths), identity
            if root.store is None:
                root.damage = "damaged" if identity is not None else "missing" if root.segment is not None else ""
                return
            changes = root.store.read_changes(self._limits.pending_files)
            if not changes.segment:
                self._close_store(root)  # its first segment is being built
                return
            for stored in changes.changed:
                blobs.check(stored.blob)
            if root.segment_of != (changes.born, changes.segment):
                segment = Segment.open(root.index_paths.storage / changes.segment)
                if root.segment is not None:
                    root.segment.close()
                root.segment, root.segment_of = segment, (changes.born, changes.segment)
            root.changes, root.damage = changes, ""
        except (sqlite3.Error, OSError, *DAMAGE) as error:
            # damaged, or replaced while it was loaded
            self._close_store(root)
            root.damage = "missing" if isinstance(error, FileNotFoundError) else "damaged"

    @staticmethod
    def _close_store(root: _Root) -> None:
        """Close the store of `root`, which is opened again when the index is loaded."""
        if root.store is not None:
            root.store.close()
        root.store, root.identity = None, None

    def _unload(self, root: _Root) -> None:
        """Close the store and the segment of `root`, and forget its changes."""
        self._close_store(root)
        if root.segment is not None:
            root.segment.close()
        root.segment, root.segment_of, root.changes = None, ("", ""), _NOTHING
        root.mark.release()

    def locate_document(self, document: Document) -> tuple[str, str]:
        """Return the key of a document's root and its path there; in no root, "" and its whole path or a name."""
        path = _choose_path(document)
        home = self._locate(path) if path is not None and path.is_absolute() else None
        if home:
            return home
        return _UNTITLED, path.as_posix() if path is not None else document.uri.rsplit("/", 1)[-1]

    def _locate(self, path: Path) -> tuple[str, str] | None:
        """Return the key of the root that contains `path`, and the path relative to it; None if no root does."""
        real = Path(os.path.realpath(path))
        for key, root in self._roots.items():
            if real.is_relative_to(root.path):
                return key, real.relative_to(root.path).as_posix()
        return None

    def _find_stored_key(self, key: str, relative: str) -> FileKey | None:
        """Return the key of an indexed file by its root and path; None if it is not indexed or cannot be looked up."""
        root = self._roots.get(key)
        if root is None or root.store is None:
            return None
        try:
            file_id = root.store.find_file_id(relative)
        except (sqlite3.Error, UnicodeEncodeError):
            return None
        return (key, file_id) if file_id is not None else None

    def _make_id(self, uri: str) -> int:
        """Return the negative id of a document that is not stored; makes one at the first call."""
        if uri not in self._made_ids:
            self._made_ids[uri] = -next(self._numbers)
        return self._made_ids[uri]


def _choose_path(document: Document) -> Path | None:
    """Return the path of a document, else of the first file that it belongs to (a cell's notebook), else None."""
    return document.path or (document.origins[0] if document.origins else None)


_NOW = 4102444800.0  # open documents are the most recent of all: the year 2100
