"""Building the segments of libraries from package files and from other segments, in the indexing process.

Writes only files of the shared index (`indexing.libraries.library_files`), under its lock. Start at
`SegmentBuilder.make_segments`.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from indexing.libraries.library_files import DAMAGE, LibraryFileError
from indexing.libraries.library_segments import SegmentPackages, choose_groups, describe_packages
from indexing.storage.segment_files import SegmentFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from indexing.libraries.library_files import IndexedPackage, LibraryFiles
    from indexing.storage.blobs import Packed
    from indexing.storage.segment import Segment

_BATCH_FILES = 32


class SegmentBuilder:
    """Makes the segments of workspace folders.

    Args:
        files: the shared index.
        pause: is called between two batches of files, and raises an error if the process has to end.
        lock: returns the writer's lock of the shared index.
    """

    def __init__(
        self, files: LibraryFiles, pause: Callable[[], None], lock: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._files = files
        self._pause = pause
        self._lock = lock
        self.packages = SegmentPackages(files)

    def is_held(self, key: str) -> bool:
        """Return whether a package file or a segment holds the package `key`."""
        return self._files.find_package(key).exists() or key in self.packages.list_held()

    def make_segments(self, packages: Sequence[IndexedPackage], before: Sequence[str]) -> list[str]:
        """Return the names of the segments of `packages`; builds those that are missing.

        Then deletes the package files that they make superfluous. `before` are the segments that the workspace folder
        has.

        Raises:
            LibraryFileError: a file with one of the packages is damaged, and was deleted, or is missing; the packages
                have to be analysed again.
            OSError: a segment cannot be written.
        """
        groups = choose_groups(packages, self.packages.read(), before)
        return [self._make_segment(keys) for keys in groups]

    def _make_segment(self, keys: Sequence[str]) -> str:
        """Return the name of the segment of the packages `keys`; builds it unless it exists and is not damaged.

        Raises as `make_segments`.
        """
        from indexing.storage.arrays import is_intact  # noqa: PLC0415  # numpy

        name = self._files.make_segment_name(keys)
        target = self._files.folder / name
        if not target.exists():
            self._build_segment(target, keys)
        elif not is_intact(target):
            target.unlink(missing_ok=True)
            raise LibraryFileError(f"the segment {name} is damaged")
        self._files.note_use([name])
        for key in keys:
            self._files.find_package(key).unlink(missing_ok=True)
        return name

    def _build_segment(self, target: Path, keys: Sequence[str]) -> None:
        """Write the segment of the packages `keys` to `target`, unless another process does. Raises as above."""
        from indexing.segments import build  # noqa: PLC0415  # numpy

        with self._lock(), ExitStack() as opened:
            if target.exists():
                return
            held: dict[str, int] = {}
            files = self._read_files(keys, self._open_segments(keys, opened), held)
            build(target, files, lambda: describe_packages(held))

    def _open_segments(self, keys: Sequence[str], opened: ExitStack) -> dict[str, Segment]:
        """Return the segments to take packages from, by the key of the package; `opened` closes them.

        A package with a file of its own is taken from that. Deletes a damaged segment.

        Raises:
            LibraryFileError: a segment is damaged, or nothing holds one of the packages.
        """
        from indexing.storage.segment import Segment  # noqa: PLC0415  # numpy

        wanted = [key for key in keys if not self._files.find_package(key).exists()]
        by_name: dict[str, Segment] = {}
        found = self.packages.find_segments(wanted)
        for name in dict.fromkeys(found.values()):
            path = self._files.folder / name
            try:
                by_name[name] = Segment.open(path)
            except (OSError, *DAMAGE) as error:
                if not isinstance(error, OSError):
                    path.unlink(missing_ok=True)
                raise LibraryFileError(f"the segment {name} is damaged") from error
            opened.callback(by_name[name].close)
        if missing := [key for key in wanted if key not in found]:
            raise LibraryFileError(f"{missing[0]} is missing")
        return {key: by_name[name] for key, name in found.items()}

    def _read_files(
        self, keys: Sequence[str], segments: dict[str, Segment], held: dict[str, int]
    ) -> Iterator[SegmentFile]:
        """Yield the files of the packages `keys` for a segment; adds the number of its files for each key to `held`.

        Deletes a damaged package file.

        Raises:
            LibraryFileError: a package file is damaged.
        """
        number = 0
        for key in keys:
            first = number
            read = self._read_segment(segments[key], key) if key in segments else self._read_package(key)
            for relative, blob in read:
                if number % _BATCH_FILES == 0:
                    self._pause()
                yield SegmentFile(number, relative, 0.0, blob)
                number += 1
            held[key] = number - first

    def _read_segment(self, segment: Segment, key: str) -> Iterator[tuple[str, Packed]]:
        """Yield the path and the content of the files of the package `key` in `segment`."""
        first = 0
        for held, count in segment.arrays.meta["packages"]:
            if held == key:
                for index in range(first, first + count):
                    yield segment.read_relative_path(index), segment.read_packed(index)
                return
            first += count

    def _read_package(self, key: str) -> Iterator[tuple[str, bytes]]:
        """Yield the path and the blob of the files of the package file `key`; deletes it if it is damaged.

        Raises:
            LibraryFileError: it is damaged or missing.
        """
        try:
            for each in self._files.read_package(key):
                yield each.relative, each.blob
        except LibraryFileError:
            self._files.find_package(key).unlink(missing_ok=True)
            raise
