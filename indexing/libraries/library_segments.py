"""The packages in each segment of libraries, and the choice of segments for a workspace folder.

A segment for each package would share best, and a segment for all packages would be searched fastest: each segment
costs time at every key. So the standard library with its tests and a few large packages have a segment each, which
many workspaces share, and the rest is searched in as few segments as `MOST_SEGMENTS` leaves. Of the rest, a segment
that exists is used if the workspace has all of its packages; so one package more makes one small segment, and two
workspaces with nearly the same packages share the most of them. A segment with a package that the workspace lacks is
not used: it would be searched for what the code cannot import. Once there are too many small ones they are merged. New
segments take packages from other segments, so that no package is analysed twice, and no copy of it is kept for that.

Start at `SegmentPackages` and `choose_groups`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.libraries.library_files import DAMAGE, SEGMENT_ENDING
from indexing.libraries.packages import STDLIB
from indexing.libraries.python_packages import STDLIB_TESTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from indexing.libraries.library_files import IndexedPackage, LibraryFiles

MOST_SEGMENTS = 4  # of a workspace folder; measured: each adds about a seventh to the time of recall
_LARGE_BYTES = 8_000_000  # a package from this size on has a segment of its own
_MOST_LARGE = 2
_META = "packages"


class SegmentPackages:
    """The packages in the segments of the shared index, as the segments themselves say it. Not thread-safe."""

    def __init__(self, files: LibraryFiles) -> None:
        self._files = files
        self._known: dict[str, tuple[tuple[int, int], dict[str, int]]] = {}  # time and size, and packages

    def read(self) -> dict[str, dict[str, int]]:
        """Return for each segment, by its name, the keys of its packages in order, with the number of their files.

        Leaves out segments of other formats and those that are seen to be damaged; reads only what has changed.
        """
        known: dict[str, tuple[tuple[int, int], dict[str, int]]] = {}
        for path in self._files.folder.glob(f"*{SEGMENT_ENDING}"):
            try:
                found = path.stat()
                state = (found.st_mtime_ns, found.st_size)
                before = self._known.get(path.name)
                known[path.name] = before if before and before[0] == state else (state, self._read_packages(path.name))
            except (OSError, *DAMAGE):
                continue
        self._known = known
        return {name: packages for name, (_, packages) in known.items()}

    def _read_packages(self, name: str) -> dict[str, int]:
        """Return the packages of the segment `name`. Raises OSError or an error of `DAMAGE` if it cannot be read."""
        from indexing.storage.arrays import read_meta  # noqa: PLC0415  # numpy

        return {str(key): int(count) for key, count in read_meta(self._files.folder / name)[_META]}

    def find_segments(self, keys: Collection[str]) -> dict[str, str]:
        """Return the name of a segment for each of the packages `keys` that one holds, as few segments as is simple."""
        found: dict[str, str] = {}
        for name, packages in sorted(self.read().items(), key=lambda each: -len(each[1].keys() & set(keys))):
            for key in packages.keys() & set(keys):
                found.setdefault(key, name)
        return found

    def list_held(self) -> frozenset[str]:
        """Return the keys of all packages that a segment holds."""
        return frozenset(key for packages in self.read().values() for key in packages)


def describe_packages(packages: Mapping[str, int]) -> dict[str, list[tuple[str, int]]]:
    """Return what stands in the meta of a segment with the packages `packages`: number of files by key, in order."""
    return {_META: list(packages.items())}


def choose_groups(
    packages: Sequence[IndexedPackage], segments: Mapping[str, Collection[str]], before: Collection[str] = ()
) -> list[list[str]]:
    """Return the keys of the packages of each segment for a workspace folder with `packages`.

    Args:
        packages: the packages, each key once.
        segments: keys of the packages of each segment that exists, by its name.
        before: names of the segments that the workspace folder has, which are chosen first.
    """
    standard = sorted(each.key for each in packages if each.name in {STDLIB, STDLIB_TESTS})
    others = [each for each in packages if each.key not in standard]
    large = sorted((each for each in others if each.size >= _LARGE_BYTES), key=lambda each: -each.size)[:_MOST_LARGE]
    rest = {each.key for each in others if each not in large}
    groups = [*([standard] if standard else []), *([each.key] for each in large)]
    left = max(MOST_SEGMENTS - len(groups), 1)
    chosen: list[Collection[str]] = []
    for name in sorted(segments, key=lambda name: (name not in before, -len(segments[name]), name)):
        if segments[name] and rest.issuperset(segments[name]):
            chosen.append(segments[name])
            rest.difference_update(segments[name])
    chosen.sort(key=len)
    while len(chosen) + bool(rest) > left:
        rest.update(chosen.pop(0))
    groups += [sorted(group) for group in reversed(chosen)]
    return [*groups, sorted(rest)] if rest else groups
