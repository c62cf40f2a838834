"""Figures of the index for people, summed over its roots. Start at `measure_status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.libraries.library_files import LibraryFiles
from indexing.records import IndexStatus, LibraryStatus, VectorStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from indexing.libraries.library_files import Manifest
    from indexing.snapshots import Sources


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
    sources: Sources, state: str, problem: str, libraries: LibraryStatus, vectors: VectorStatus
) -> IndexStatus:
    """Return the sums of the figures of all roots in `sources`, with `state` and `problem` (as in `IndexStatus`).

    `indexed_at` is the earliest of the roots' times.
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
        vectors=vectors,
    )


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
