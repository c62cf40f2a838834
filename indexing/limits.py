"""Limits of indexing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """Bounds of indexing.

    Attributes:
        max_files: indexed files of one root; as many again are counted as "over the file limit", more are not visited.
        max_folders: folders of one root that are entered.
        max_file_bytes: larger files are excluded ("too large").
        max_line_bytes: files with a longer line are excluded ("long lines").
        max_mean_line_bytes: files whose lines are longer than this on average are excluded ("minified").
        disk_bytes: limit for the indexes of all workspaces and libraries on the disk together; 0 for none.
        pending_files: number of changed files that are searched from memory before the segment is rebuilt.
        idle_s: seconds without work after which the indexing process ends.
        processes: largest number of analysing processes; fewer on machines with fewer cores.
        file_timeout_s: a file that takes longer to analyse is indexed as plain text.
        nice: niceness of the indexing process on Unix, 0 to 19 (lowest priority).
        exclude: patterns as in a `.gitignore` of files that are never indexed ("excluded"), whatever the ignore files
            say.
        watches: largest number of watched folders; further ones are walked from time to time.
        look_s: seconds between two such walks; more if a walk takes long.
        open_bytes: larger open documents are not parsed and are searched only once they are saved.
        library_bytes: limit for the index of installed libraries on the disk, of all workspaces together; 0 for none.
    """

    max_files: int = 100_000
    max_folders: int = 1_000_000
    max_file_bytes: int = 1_048_576
    max_line_bytes: int = 20_000
    max_mean_line_bytes: int = 500
    disk_bytes: int = 0
    pending_files: int = 64
    idle_s: float = 60.0
    processes: int = 2
    file_timeout_s: float = 30.0
    open_bytes: int = 512 * 1024
    nice: int = 19
    exclude: tuple[str, ...] = ()
    watches: int = 100_000
    look_s: float = 30.0
    library_bytes: int = 0
