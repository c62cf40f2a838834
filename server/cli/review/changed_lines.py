"""The lines of a repository that changed since a revision, as git reports them.

Refuses a revision that git could take for an option. Keeps git from running programs of the repository's configuration
(external diffs, text conversions, filters, file monitors), from entering submodules and from fetching. Start at
`find_changed_lines`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from indexing.process import git
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REVISION = re.compile(r"[A-Za-z0-9_@][\w./~^@{}+-]{0,250}")
HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
FILE = "diff --git "
BINARY = "Binary files "
WHOLE = range(1, 1 << 31)
ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
DIFF = (
    "--unified=0",
    "--inter-hunk-context=0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--ignore-submodules=all",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    f"-O{os.devnull}",  # because a configured order file may be missing
)


def find_changed_lines(revision: str, folder: Path) -> dict[Path, list[range]]:
    """Return by file the numbers, from 1, of the lines changed since `revision` in the repository of `folder`.

    Includes uncommitted changes. A binary file, and an untracked file that git does not ignore, count as changed as a
    whole; a file in which lines were only deleted has no ranges.

    Raises:
        Misuse: `revision` does not have the form of a revision.
        Failure: git is missing, fails, or does not know the revision.
    """
    if not REVISION.fullmatch(revision):
        raise Misuse(f"{revision!r} is not a revision; give a branch, a tag or a commit, like main or HEAD~1.")
    top = folder / _run_git(folder, "rev-parse", "--show-toplevel").strip()
    unfiltered = _list_filter_options(top)
    _run_git(
        folder,
        "rev-parse",
        "--quiet",
        "--verify",
        f"{revision}^{{commit}}",
        failure=f"git knows no revision {revision}; give a branch, a tag or a commit.",
    )
    changed = _parse_diff(_run_git(top, *unfiltered, "diff", *DIFF, revision, "--").split("\n"), top)
    for name in _run_git(top, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        if name:
            changed[top / name] = [WHOLE]
    return changed


def _parse_diff(lines: Iterable[str], top: Path) -> dict[Path, list[range]]:
    """Return the changed lines by file from the `lines` of a diff without context; `top` is the repository's folder.

    A binary file counts as changed as a whole; a file with deletions only gets no ranges.
    """
    changed: dict[Path, list[range]] = {}
    current: list[range] = []
    left = 0  # lines of the hunk still to skip: they may look like headers
    for line in lines:
        if left:
            left -= not line.startswith("\\")  # "\\ No newline at end of file" is not a line of the hunk
        elif line.startswith(FILE):
            current = changed.setdefault(top / _parse_name(line.removeprefix(FILE)), [])
        elif line.startswith(BINARY):  # or declared binary by the repository's attributes
            current.append(WHOLE)
        elif hunk := HUNK.match(line):
            first, gone, count = int(hunk[2]), int(hunk[1] or 1), int(hunk[3] or 1)
            left = gone + count
            if count:
                current.append(range(first, first + count))
    return changed


def _parse_name(pair: str) -> str:
    """Return NAME from `a/NAME b/NAME`; git quotes both if they contain special characters."""
    name = pair[len(pair) // 2 + 1 :]
    if name.startswith('"'):
        raw = ESCAPED.sub(_unescape, os.fsencode(name[1:-1]))
        name = os.fsdecode(raw)
    return name.removeprefix("b/")


def _unescape(found: re.Match[bytes]) -> bytes:
    """Return the byte for one of git's escapes: three octal digits, a letter, or any other character itself."""
    escaped = found[1]
    return bytes([int(escaped, 8)]) if len(escaped) == 3 else LETTERS.get(escaped, escaped)


def _run_git(folder: Path, *arguments: str, failure: str = "") -> str:
    """Run git with `arguments` in `folder` and return its output.

    Raises:
        Failure: git is missing or failed; `failure` is the message, "" for git's own message.
    """
    try:
        return git.run_git(folder, *arguments)
    except git.GitFailed as error:
        raise Failure(failure or f"{error}; --diff needs git and a repository.") from error


def _list_filter_options(folder: Path) -> list[str]:
    """Return options that disable all filters of the repository.

    Raises:
        Failure: git failed, or a filter cannot be disabled.
    """
    try:
        return git.list_filter_options(folder)
    except git.GitFailed as error:
        raise Failure(f"{error}; review without --diff.") from error
