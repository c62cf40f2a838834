"""The libraries of an evaluated package as recall searches them, without the processes of the index.

Start at `index_libraries`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.libraries import choosing, packages, python_packages
from indexing.limits import IndexLimits
from indexing.process.library_work import MOST_BYTES
from indexing.segments import Segment, build
from indexing.storage import blobs
from indexing.storage.segment_files import SegmentFile
from indexing.syntax.texts import decode
from indexing.workspace.built_in_reasons import find_content_reason
from tests.eval.environments import find_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.eval.data import Package

LIMITS = IndexLimits()


def index_libraries(package: Package, folder: Path) -> list[tuple[str, Segment]]:
    """Write segments of the libraries of `package` to `folder`, and return them with their keys.

    The standard library and its tests have segments of their own, which are reused if they are in `folder`.
    """
    environment = python_packages.read_environment(find_environment(package))
    if environment is None:
        return []
    texts = (path.read_bytes() for path in package.list_files())
    chosen = choosing.choose_packages(
        python_packages.find_python_packages(environment),
        choosing.list_imported_names(texts),
        (),
        {packages.normalize_name(package.name)},
    )
    groups: dict[str, list[tuple[packages.Package, packages.Listing]]] = {}
    size = 0
    for each in chosen:
        listing = packages.list_contents(each, LIMITS)
        if size + listing.size > MOST_BYTES:
            continue
        size += listing.size
        own = each.name in {packages.STDLIB, python_packages.STDLIB_TESTS}
        groups.setdefault(each.name if own else f"{package.name}-libraries", []).append((each, listing))
    segments = []
    for name, group in groups.items():
        target = folder / f"{name}.segment"
        if not target.exists():
            build(target, _read_files(group))
        segments.append((f"library:{name}", Segment.open(target)))
    return segments


def _read_files(group: Sequence[tuple[packages.Package, packages.Listing]]) -> Iterator[SegmentFile]:
    """Yield the files of some packages for a segment, without those that their content excludes."""
    number = 0
    for package, listing in group:
        for each in listing.files:
            data = (package.folder / each.relative).read_bytes()
            if not find_content_reason(data, LIMITS, each.relative.rpartition("/")[2]):
                yield SegmentFile(number, each.relative, 0.0, blobs.pack(decode(data), (), (), "python"))
                number += 1
