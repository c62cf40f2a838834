"""Paths that a model names: resolved inside the workspace folders, never outside, never excluded.

Start at `resolve_name`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agents.team.failure import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST = 1000
"""Characters of a path."""


def resolve_name(name: str, roots: Sequence[Path], explain_exclusion: Callable[[Path], str]) -> Path:
    """Return the absolute path of a file or folder that a model named, relative to a workspace folder or absolute.

    A relative name is looked for in each workspace folder in turn; a new name belongs to the first one. Blocking.

    Raises:
        ToolFailed: it is no usable name, lies outside of the workspace folders, also through a link, or is excluded; or
            no workspace folder is open.
    """
    if not name.strip() or "\0" in name or len(name) > LONGEST:
        raise ToolFailed("That is not the name of a file; name one relative to the workspace folder.")
    given = Path(name.strip())
    if not roots:
        raise ToolFailed("No workspace folder is open, so there are no files.")
    candidates = [given] if given.is_absolute() else [root / given for root in roots]
    inside = [one for one in map(Path, map(os.path.normpath, candidates)) if _is_inside(one, roots)]
    if not inside:
        raise ToolFailed(f"{name} is outside of the workspace; only files of the workspace can be used.")
    chosen = next((one for one in inside if os.path.lexists(one)), inside[0])
    reason = explain_exclusion(chosen)
    if reason and chosen not in roots:
        raise ToolFailed(f"{shorten_path(chosen, roots)} is excluded ({reason}); agents cannot use it.")
    return chosen


def list_names(path: Path, roots: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of `path` by which rules apply to it: as written, and where its links lead if that differs.

    Relative to the workspace folder where the path is inside of it. A folder is named with a slash at its end, too,
    because a rule `data/` is about folders. Blocking.
    """
    real = follow_links(path, roots)
    names = [shorten_path(path, roots), *([shorten_path(real, roots)] if real != path else [])]
    folders = [f"{name}/" for name in names if name != "."] if path.is_dir() else []
    return (*names, *folders)


def follow_links(path: Path, roots: Sequence[Path]) -> Path:
    """Return `path` with all links resolved; where it leads into a workspace folder, it begins with one of `roots`."""
    real = Path(os.path.realpath(path))
    for root in roots:
        real_root = os.path.realpath(root)
        if real.is_relative_to(real_root):
            return root / real.relative_to(real_root)
    return real


def shorten_path(path: Path, roots: Sequence[Path]) -> str:
    """Return `path` relative to its workspace folder, with slashes; "." for the folder itself.

    A path outside of all workspace folders stays absolute.
    """
    for root in roots:
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.as_posix()


def _is_inside(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether `path` lies in a workspace folder, both as written and with all links resolved."""
    real = Path(os.path.realpath(path))
    written = any(path.is_relative_to(root) for root in roots)
    return written and any(real.is_relative_to(os.path.realpath(root)) for root in roots)
