# ruff: noqa: PTH110, PTH112, PTH114 (os.path returns False where pathlib raises: names too long, loops of links)
"""Arguments of commands: a cursor written as `FILE:LINE:COLUMN`, and the workspace that a file belongs to.

Lines and columns of a cursor count from 1; a column is a number of characters (code points). Start at `parse_cursor`
and `find_workspace`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from indexing.syntax.texts import find_line_starts
from server.cli import terminal
from server.cli.terminal import Failure, Misuse
from server.state import paths

# Names that mark the top folder of a workspace; those of `TOPS` are looked for first, up to the root of the disk.
TOPS = (".git", ".hg", ".jj", ".svn", ".starling.toml")
PROJECTS = ("pyproject.toml", "setup.py", "package.json", "Cargo.toml", "go.mod", "pom.xml", "build.gradle", "Makefile")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor in a file; `line` and `column` count from 1, column 1 is before the first character."""

    file: str
    line: int
    column: int


def parse_cursor(text: str) -> Cursor:
    """Parse FILE:LINE:COLUMN; the file's name may contain colons (`C:/x.py:3:1`).

    Raises:
        Misuse: `text` has another form.
    """
    file, _, rest = text.rpartition(":")
    file, _, line = file.rpartition(":")
    if not file or not _is_count(line) or not _is_count(rest):
        raise Misuse(f"{text!r} is not FILE:LINE:COLUMN; write it like src/app.py:12:5, both counted from 1.")
    return Cursor(file, int(line), int(rest))


def find_offset(cursor: Cursor, text: str) -> int:
    """Return the code-point offset of `cursor` in `text`.

    Raises:
        Failure: the text has no such line or column.
    """
    starts = find_line_starts(text)
    if cursor.line > len(starts):
        raise Failure(
            f"{cursor.file} has {terminal.format_count(len(starts), 'line')}; give a line from 1 to {len(starts)}."
        )
    start = starts[cursor.line - 1]
    end = starts[cursor.line] if cursor.line < len(starts) else len(text)
    line = text[start:end].removesuffix("\n").removesuffix("\r")
    if cursor.column > len(line) + 1:
        raise Failure(
            f"line {cursor.line} of {cursor.file} has {terminal.format_count(len(line), 'character')}; "
            f"give a column from 1 to {len(line) + 1}."
        )
    return start + cursor.column - 1


def choose_workspace(directory: Path | None) -> Path:
    """Return the real path of the folder `directory`; without one, the workspace of the working directory.

    Raises:
        Failure: `directory` is no folder, or the working directory was deleted.
    """
    return resolve_folder(directory) if directory else find_workspace(Path())


def find_workspace(path: Path, *, writes: bool = False) -> Path:
    """Return the workspace of the file or folder `path`: the repository or project that contains it.

    If there is neither, it is the working directory if that contains `path`, so that `starling undo` run there finds
    the change; else the file's folder. A link that leads out of its workspace is followed, with a note on stderr.

    Raises:
        Failure: `path` is such a link, and the command `writes` files; or the working directory was deleted.
    """
    try:
        real = Path(os.path.realpath(path))
    except FileNotFoundError as error:
        raise Failure("The working directory does not exist any more; change to another one.") from error
    link = _find_link(path)
    if link is None:
        return _find_workspace(real)
    around_link = _find_workspace(Path(os.path.realpath(link.parent)))
    if real.is_relative_to(around_link):
        return around_link
    if writes:
        raise Failure(f"{path} is a link that leads out of {around_link}; to have it changed, name {real}.")
    found = _find_workspace(real)
    terminal.note(f"{path} is a link to {real}; the workspace is {found}.")
    return found


def _find_link(path: Path) -> Path | None:
    """Return the first symbolic link among the folders and the file of `path`; None if there is none.

    Links in the root folder are ignored (macOS has `/tmp`).
    """
    try:
        at = Path(path.anchor) if path.is_absolute() else Path.cwd()
    except OSError:  # the working directory was removed
        return None
    for part in path.parts[1:] if path.is_absolute() else path.parts:
        at = at.parent if part == ".." else at / part
        if os.path.islink(at) and at.parent != Path(at.anchor):
            return at
    return None


def _find_workspace(path: Path) -> Path:
    """Return the nearest folder around `path` with a mark of `TOPS`, else the nearest with one of `PROJECTS`.

    If there is neither, return the working directory if it contains `path`, else the folder of `path`. The home folder
    and the root folder are not searched. `path` must contain no links.
    """
    folder = path if os.path.isdir(path) else path.parent
    candidates = [f for f in (folder, *folder.parents) if f not in {paths.expand_home("~"), Path(f.anchor)}]
    for marks in (TOPS, PROJECTS):
        for candidate in candidates:
            if any(os.path.exists(candidate / mark) for mark in marks):
                return candidate
    try:
        here = Path.cwd()
    except OSError:  # the working directory was removed
        return folder
    return here if here in candidates else folder


def resolve_folder(path: Path) -> Path:
    """Return the real path of the folder `path`.

    Raises:
        Failure: `path` is no folder.
    """
    if not os.path.isdir(path):
        what = "is not a folder" if os.path.lexists(path) else "does not exist"
        raise Failure(f"{path} {what}; give a folder.")
    return Path(os.path.realpath(path))


def _is_count(text: str) -> bool:
    """Return whether `text` is a positive number of at most nine digits."""
    return text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0
