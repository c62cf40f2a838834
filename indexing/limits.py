"""How much is indexed, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """Bounds of indexing.

    Attributes:
        max_files: files of one root; as many again are counted as "over the file limit", and the rest is not looked at.
        max_folders: folders of one root that are entered.
        max_file_bytes: larger files are left out ("too large").
        max_line_bytes: a file with a longer line is left out ("long lines").
        max_mean_line_bytes: a file whose lines are longer than this on average is left out ("minified").
        pending_files: changed files that are searched from memory before the segment is built anew.
        idle_s: after so long without work the indexing process leaves.
        processes: analysing processes at most; fewer on machines with fewer cores.
        file_timeout_s: a file that takes longer to analyse is indexed as plain text.
        nice: niceness of the indexing process on Unix, 0 to 19; 19 gives way to everything else.
        exclude: patterns as in a `.gitignore` of files that a person does not want indexed ("excluded"), whatever the
            ignore files say.
        watches: folders that are watched; what is beyond is looked at from time to time.
        look_s: how often that is, in seconds; less often where looking takes long.
        open_bytes: open documents beyond this size are not parsed, and not searched before they are saved.
    """

    max_files: int = 100_000
    max_folders: int = 1_000_000
    max_file_bytes: int = 1_048_576
    max_line_bytes: int = 20_000
    max_mean_line_bytes: int = 500
    pending_files: int = 64
    idle_s: float = 60.0
    processes: int = 2
    file_timeout_s: float = 30.0
    open_bytes: int = 512 * 1024
    nice: int = 19
    exclude: tuple[str, ...] = ()
    watches: int = 100_000
    look_s: float = 30.0
