# ruff: noqa: PTH110, PTH112, PTH114 (os.path takes for absent what pathlib raises at: names too long, loops of links)
"""Places in files as a person writes them, `FILE:LINE:COLUMN`, and the workspace that a file belongs to.

Lines and columns count from 1 here and nowhere else; a column is a number of characters (code points). Start at
`parse` and `workspace_of`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from indexing.syntax.texts import line_starts
from server.cli import terminal
from server.cli.terminal import Failure, Misuse
from server.state import paths

# What marks a workspace's top folder; a version control's mark further up wins over a project file further down.
TOPS = (".git", ".hg", ".jj", ".svn", ".starling.toml")
PROJECTS = ("pyproject.toml", "setup.py", "package.json", "Cargo.toml", "go.mod", "pom.xml", "build.gradle", "Makefile")


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor: `line` and `column` from 1; column 1 is before the line's first character."""

    file: str
    line: int
    column: int


def parse(text: str) -> Place:
    """Read FILE:LINE:COLUMN; the file's name may hold colons itself (`C:/x.py:3:1`).

    Raises:
        Misuse: it is nothing like that.
    """
    file, _, rest = text.rpartition(":")
    file, _, line = file.rpartition(":")
    if not file or not _counts(line) or not _counts(rest):
        raise Misuse(f"{text!r} is no FILE:LINE:COLUMN; write it like src/app.py:12:5, both counted from 1.")
    return Place(file, int(line), int(rest))


def offset(place: Place, text: str) -> int:
    """Code-point offset of `place` in `text`.

    Raises:
        Failure: the text has no such line or column.
    """
    starts = line_starts(text)
    if place.line > len(starts):
        raise Failure(f"{place.file} has {_some(len(starts), 'line')}; give a line from 1 to {len(starts)}.")
    start = starts[place.line - 1]
    end = starts[place.line] if place.line < len(starts) else len(text)
    line = text[start:end].removesuffix("\n").removesuffix("\r")
    if place.column > len(line) + 1:
        raise Failure(
            f"line {place.line} of {place.file} has {_some(len(line), 'character')}; "
            f"give a column from 1 to {len(line) + 1}."
        )
    return start + place.column - 1


def workspace_of(path: Path, *, writes: bool = False) -> Path:
    """Return the folder that the file or folder named `path` belongs to: its repository, its project, or a folder.

    Where nothing marks one it is the folder that the command runs in, if that holds `path`: what one command changes
    there the next one can take back. Else it is the file's own. Where a link leads out of the workspace that holds the
    link, a command that only reads follows it and says so.

    Raises:
        Failure: such a link, for a command that writes.
    """
    real = Path(os.path.realpath(path))
    link = _link_in(path)
    if link is None:
        return _marked(real)
    held = _marked(Path(os.path.realpath(link.parent)))
    if real.is_relative_to(held):
        return held
    if writes:
        raise Failure(f"{path} is a link that leads out of {held}; to have it changed, name {real}.")
    found = _marked(real)
    terminal.note(f"{path} is a link to {real}; the workspace is {found}.")
    return found


def _link_in(path: Path) -> Path | None:
    """Return the first link on the way that `path` names; those of the system itself (`/tmp` of macOS) are none."""
    try:
        at = Path(path.anchor) if path.is_absolute() else Path.cwd()
    except OSError:  # it was removed under the command
        return None
    for part in path.parts[1:] if path.is_absolute() else path.parts:
        at = at.parent if part == ".." else at / part
        if os.path.islink(at) and at.parent != Path(at.anchor):
            return at
    return None


def _marked(path: Path) -> Path:
    """Return the workspace of a path without links."""
    folder = path if os.path.isdir(path) else path.parent
    candidates = [f for f in (folder, *folder.parents) if f not in {paths.expanded("~"), Path(f.anchor)}]
    for marks in (TOPS, PROJECTS):
        for candidate in candidates:
            if any(os.path.exists(candidate / mark) for mark in marks):
                return candidate
    try:
        here = Path.cwd()
    except OSError:  # it was removed under the command
        return folder
    return here if here in candidates else folder


def folder(path: Path) -> Path:
    """`path` as an absolute folder.

    Raises:
        Failure: there is none, or it cannot be read.
    """
    if not os.path.isdir(path):
        what = "is no folder" if os.path.lexists(path) else "does not exist"
        raise Failure(f"{path} {what}; give a folder.")
    return Path(os.path.realpath(path))


def _counts(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0


def _some(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
