"""Repositories inside of a worktree: folders whose files git leaves out of the worktree's own commits.

A command of an agent may clone or create one; and a submodule, which a worktree has as an empty folder, may have been
filled. Reads only. Start at `find_nested`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from indexing.process.git import run_git

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GITLINK = "160000"  # git's mode of a submodule


def find_nested(folder: Path, options: Sequence[str] = ()) -> list[str]:
    """Return the folders of a worktree that hold files and are repositories or submodules, except ignored ones.

    The paths are relative to `folder`, sorted. Blocking.

    Args:
        folder: top of the worktree.
        options: options for git, before its command.

    Raises:
        GitFailed: git failed.
    """
    status = ("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")
    untracked = [one[3:] for one in run_git(folder, *options, *status).split("\0") if one.startswith("??")]
    found = {name.rstrip("/") for name in untracked if name.endswith("/")}
    tracked = run_git(folder, *options, "ls-files", "--stage", "-z").split("\0")
    submodules = [entry.partition("\t")[2] for entry in tracked if entry.startswith(GITLINK)]
    return sorted(name for name in found.union(submodules) if _holds_files(folder / name))


def _holds_files(folder: Path) -> bool:
    """Return whether a folder holds more than git's own; False for a link, and if it cannot be read."""
    try:
        return not folder.is_symlink() and any(name != ".git" for name in os.listdir(folder))  # noqa: PTH208 (names alone are wanted)
    except OSError:
        return False
