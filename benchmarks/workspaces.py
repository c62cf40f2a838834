"""Fixed inputs: workspaces of real code that is installed with every Python, and places to type in them.

The same Python always gives the same inputs: sorted, seeded, nothing downloaded. The caller deletes the workspaces.
"""

from __future__ import annotations

import random
import re
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from indexing.limits import IndexLimits
from indexing.workspace.exclusion import Exclusion

SEED = 20260101
STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
INSTALLED = Path(sysconfig.get_paths()["purelib"])

LEFT_OUT = {"site-packages", "__pycache__"}
MAX_FILE_BYTES = 60_000  # in workspaces of many files, so that their size stays that of ordinary projects
IDENTIFIER = re.compile(rb"\b[a-z_]{6,}\b")
CODE_LINE = re.compile(r"^( +)((?:return |self\.|[a-z_]+ = |if |for |raise )[^#\n'\"]{12,80})$", re.MULTILINE)


@dataclass(frozen=True)
class TypingPlace:
    """A line of code that is deleted and typed again.

    Attributes:
        path: the file.
        start: code-point offset of the line's first character that is not a space.
        line: the code from `start` to the end of the line.
    """

    path: Path
    start: int
    line: str


def list_python_files(folder: Path, *, below_bytes: int) -> list[Path]:
    """Return the Python files of less than `below_bytes` in a folder, sorted, without caches and installed packages."""
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if not LEFT_OUT & set(path.relative_to(folder).parts) and path.is_file() and path.stat().st_size < below_bytes
    ]


def copy_standard_library(target: Path) -> Path:
    """Copy the CPython standard library, tests included, without installed packages and caches; return `target`."""
    shutil.copytree(STANDARD_LIBRARY, target, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    return target


def make_workspace(target: Path, count: int) -> Path:
    """Write exactly `count` Python files, copies of a few thousand real ones, to `target` and return it.

    If `count` is larger than their number, further copies have a third of their longer identifiers renamed, so that no
    two files are equal and the vocabulary grows as in a large project.
    """
    sources = [(STANDARD_LIBRARY, path) for path in list_python_files(STANDARD_LIBRARY, below_bytes=MAX_FILE_BYTES)]
    sources += [(INSTALLED, path) for path in list_python_files(INSTALLED, below_bytes=MAX_FILE_BYTES)]
    random.Random(SEED).shuffle(sources)  # noqa: S311 - an order that repeats, no secret
    for number in range(count):
        base, path = sources[number % len(sources)]
        turn = number // len(sources)
        content = path.read_bytes()
        written = target / f"part{turn}" / path.relative_to(base)
        if written.exists():
            written = written.with_name(f"{written.stem}_{number}.py")
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(rename_identifiers(content, turn) if turn else content)
    return target


def rename_identifiers(content: bytes, turn: int) -> bytes:
    """Return `content` with a new ending for about a third of its longer identifiers, the same ones in every file."""
    ending = b"_%d" % turn
    return IDENTIFIER.sub(lambda found: found[0] + ending if sum(found[0]) % 3 == turn % 3 else found[0], content)


def choose_typing_places(workspace: Path, count: int) -> list[TypingPlace]:
    """Choose up to `count` lines of code, each in another file, in files that the index does not exclude."""
    left_out = Exclusion(workspace, IndexLimits())
    rng = random.Random(SEED)  # noqa: S311 - a choice that repeats, no secret
    files = list_python_files(workspace, below_bytes=MAX_FILE_BYTES)
    rng.shuffle(files)
    places = []
    for path in files:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        lines = [found for found in CODE_LINE.finditer(text) if "\r" not in found[0]]
        if lines and "\f" not in text and not left_out.find_reason(path):
            line = rng.choice(lines)
            places.append(TypingPlace(path, line.start(2), line[2]))
        if len(places) == count:
            break
    return places
