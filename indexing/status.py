"""Figures of the index for people, summed over its roots. Start at `measure_status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.libraries.library_files import LibraryFiles
from indexing.records import IndexStatus, LibraryStatus
from indexing.workspace.exclusion import TOO_MANY_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from indexing.libraries.library_files import Manifest
    from indexing.snapshots import Sources

FAILURES = (
    "crashed",
    "over the file limit",
    "over the folder limit",
    "too large",
    TOO_MANY_RULES,
    "undecodable name",
    "unreadable",
)
"""Reasons for which files are left out although they are to be indexed."""


def measure_libraries(
    manifests: Sequence[Manifest], storage: Path | None, *, is_indexing: bool, problem: str
) -> LibraryStatus:
    """Return the sums of the figures of all `manifests`, each package counted once.

    Args:
        manifests: those of the roots' libraries.
        storage: folder of the indexes; None if libraries are turned off.
        is_indexing: whether libraries are being indexed.
        problem: one sentence for a person; "" for none.
    """
    if storage is None:
        return LibraryStatus()
    packages = {each.key: each for manifest in manifests for each in manifest.packages}
    left_out: dict[str, int] = {}
    for manifest in manifests:
        _add_counts(left_out, manifest.left_out)
    return LibraryStatus(
        "indexing" if is_indexing else "ready" if packages else "none",
        tuple(f"{each.name} {each.version}" for each in packages.values()),
        sum(each.files for each in packages.values()),
        sum(each.size for each in packages.values()),
        LibraryFiles(storage).measure(),
        left_out,
        problem,
    )


def measure_status(
    sources: Sources, state: str, problem: str, libraries: LibraryStatus, *, found: int = 0
) -> IndexStatus:
    """Return the sums of the figures of all roots in `sources`, with `state` and `problem` (as in `IndexStatus`).

    `indexed_at` is the earliest of the roots' times; `found` is the number of files that a pass under way is about.
    """
    files = chunks = symbols = bytes_indexed = 0
    skipped: dict[str, int] = {}
    by_language: dict[str, int] = {}
    passes: list[float] = []
    store_bytes = 0
    for index_paths, counts, indexed_at in sources.read_counts_by_root():
        store_bytes += sum(_measure_size(path) for path in index_paths.list_files())
        if indexed_at:
            passes.append(float(indexed_at))
        if counts is not None:
            files += counts.files
            chunks += counts.chunks
            symbols += counts.symbols
            bytes_indexed += counts.bytes_indexed
            _add_counts(skipped, counts.skipped)
            _add_counts(by_language, counts.by_language)
    return IndexStatus(
        state,
        files,
        chunks,
        symbols,
        bytes_indexed,
        skipped=skipped,
        by_language=by_language,
        store_bytes=store_bytes,
        indexed_at=min(passes) if passes else None,
        problem=problem,
        libraries=libraries,
        coverage=compute_coverage(files, skipped, found),
    )


def compute_coverage(files: int, skipped: Mapping[str, int], found: int = 0) -> float | None:
    """Return the share of the files to index that are indexed, from 0 to 1; None if there are none.

    Args:
        files: number of indexed files.
        skipped: numbers of files and folders that are not indexed, by reason; those of `FAILURES` count as one file.
        found: number of files that a pass under way is about; 0 for no pass.
    """
    wanted = max(files, found) + sum(skipped.get(reason, 0) for reason in FAILURES)
    return round(files / wanted, 4) if wanted else None


def _measure_size(path: Path) -> int:
    """Return the size of a file in bytes; 0 if it cannot be read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _add_counts(totals: dict[str, int], more: dict[str, int]) -> None:
    """Add each number in `more` to the one with the same key in `totals`."""
    for key, count in more.items():
        totals[key] = totals.get(key, 0) + count
