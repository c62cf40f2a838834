"""The segments of libraries that a server has open, as the manifests of its workspace folders name them.

Imports numpy, so import this module where it is needed. Start at `LoadedLibraries`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from indexing.libraries.library_files import DAMAGE, LibraryFiles, Manifest, read_time
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
        self.is_damaged = False

    @property
    def segments(self) -> list[tuple[str, Segment]]:
        """The segments with a key for each."""
        return [(f"library:{name}", segment) for name, segment in self._segments.items()]

    def is_stale(self) -> bool:
        """Return whether a manifest has changed since `load`."""
        return self._read_times() != self._times

    def is_outdated(self) -> bool:
        """Return whether a package was installed or removed since a manifest was written; False without a manifest."""
        return any(manifest.is_changed() for manifest in self.manifests)

    def load(self) -> None:
        """Open the segments that the manifests name, and close the others.

        Deletes a damaged segment and sets `is_damaged`, also if a segment is missing; without it less is recalled.
        """
        self._times = self._read_times()
        self.manifests = tuple(
            manifest for root in self._roots if (manifest := self._files.read_manifest(root)) is not None
        )
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

    def close(self) -> None:
        """Close all segments. Idempotent."""
        for segment in self._segments.values():
            segment.close()
        self._segments = {}
        self._times = ()

    def _read_times(self) -> tuple[int, ...]:
        """Return the times of the last change of all manifests; 0 for a missing one."""
        return tuple(read_time(self._files.find_manifest(root)) for root in self._roots)
