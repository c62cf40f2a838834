"""The segments of libraries that a server has open, as the manifests of its workspace folders name them.

Imports numpy, so import this module where it is needed. Start at `LoadedLibraries`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from indexing.libraries.library_files import DAMAGE, LibraryFiles, Manifest, read_time
from indexing.libraries.packages import is_file, locate_file
from indexing.storage.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LoadedLibraries:
    """The open segments of the libraries of some workspace folders. Not thread-safe."""

    def __init__(self, roots: Sequence[Path], storage: Path) -> None:
        self._roots = tuple(roots)
        self._files = LibraryFiles(storage)
        self._times: tuple[int, ...] = ()
        self._segments: dict[str, Segment] = {}
        self.manifests: tuple[Manifest, ...] = ()
        self._segments_of: dict[Path, tuple[str, ...]] = {}
        self.is_damaged = False

    @property
    def segments(self) -> list[tuple[str, Segment]]:
        """The segments with a key for each."""
        return [(_make_key(name), segment) for name, segment in self._segments.items()]

    def list_keys(self, root: Path) -> tuple[str, ...]:
        """Return the keys of the segments that the manifest of the workspace folder `root` names; () for none."""
        return tuple(_make_key(name) for name in self._segments_of.get(root, ()) if name in self._segments)

    def is_stale(self) -> bool:
        """Return whether a manifest has changed since `load`."""
        return self._read_times() != self._times

    def has_changed_packages(self) -> bool:
        """Return whether a package was installed or removed since a manifest was written; False without a manifest."""
        return any(manifest.is_changed() for manifest in self.manifests)

    def load(self) -> None:
        """Open the segments that the manifests name, and close the others.

        Deletes a damaged segment and sets `is_damaged`, also if a segment is missing; without it less is recalled.
        """
        self._times = self._read_times()
        by_root = {root: manifest for root in self._roots if (manifest := self._files.read_manifest(root)) is not None}
        self.manifests = tuple(by_root.values())
        self._segments_of = {root: manifest.segments for root, manifest in by_root.items()}
        names = list(dict.fromkeys(name for manifest in self.manifests for name in manifest.segments))
        self.is_damaged = False
        loaded: dict[str, Segment] = {}
        for name in names:
            path = self._files.folder / name
            try:
                loaded[name] = self._segments[name] if name in self._segments else Segment.open(path)
            except (OSError, *DAMAGE) as error:
                self.is_damaged = True
                if not isinstance(error, OSError):
                    with suppress(OSError):
                        path.unlink()
        for name, segment in self._segments.items():
            if name not in loaded:
                segment.close()
        self._segments = loaded
        self._files.note_use(loaded)

    def find_path(self, key: str, relative: str) -> Path | None:
        """Return the path on the disk of the file `relative` of the segment with the key `key`; None if it is gone.

        Of several packages that may hold it, the first one counts in whose folder it is.
        """
        manifests = [each for each in self.manifests if key in map(_make_key, each.segments)]
        places = dict.fromkeys(each.place for manifest in manifests for each in manifest.packages)
        found = [path for place in places if (path := locate_file(place, relative)) is not None]
        return next((path for path in found if is_file(path)), None)

    def close(self) -> None:
        """Close all segments. Idempotent."""
        for segment in self._segments.values():
            segment.close()
        self._segments = {}
        self._times = ()

    def _read_times(self) -> tuple[int, ...]:
        """Return the times of the last change of all manifests; 0 for a missing one."""
        return tuple(read_time(self._files.find_manifest(root)) for root in self._roots)


def _make_key(name: str) -> str:
    """Return the key of the segment with the file name `name`."""
    return f"library:{name}"
