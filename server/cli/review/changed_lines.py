"""Which lines of a repository's files changed since a revision, asked of git with fixed arguments.

A revision that could be read as an option is refused. Nothing that the repository's own configuration names is run: no
external diff, text conversion, filter or file monitor, nothing in submodules, and nothing is fetched. Start at `since`.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.process import children
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BEYOND = {
    "time": f"did not answer within {bounds.GIT.seconds:g} seconds",
    "memory": "took too much memory",
    "output": "found more changes than can be reviewed",
}
REVISION = re.compile(r"[A-Za-z0-9_@][\w./~^@{}+-]{0,250}")
HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
FILE = "diff --git "
BINARY = "Binary files "
WHOLE = range(1, 1 << 31)
ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
HOOKLESS = ("-c", f"core.hooksPath={os.devnull}", "-c", "diff.autoRefreshIndex=false")  # writing the index runs a hook
QUIET = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "protocol.allow=never", *HOOKLESS)
FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"
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
    f"-O{os.devnull}",  # an order file that is configured may not be there
)


def since(revision: str, folder: Path) -> dict[Path, list[range]]:
    """Changed and new lines, from 1, by file, committed or not; files that git does not know are new as a whole.

    Raises:
        Misuse: that is no revision.
        Failure: git is missing, or says no.
    """
    if not REVISION.fullmatch(revision):
        raise Misuse(f"{revision!r} is no revision; give a branch, a tag or a commit, like main or HEAD~1.")
    top = folder / _git(folder, "rev-parse", "--show-toplevel").strip()
    unfiltered = _without_filters(top)
    _git(
        folder, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}", wrong=f"git knows no revision {revision}."
    )
    changed = _parsed(_git(top, *unfiltered, "diff", *DIFF, revision, "--").split("\n"), top)
    for name in _git(top, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        if name:
            changed[top / name] = [WHOLE]
    return changed


def _without_filters(top: Path) -> list[str]:
    """Options by which none of the filters that are configured is run: each is there, and empty."""
    options: list[str] = []
    for name in _git(top, "config", "--list", "--name-only", "-z").split("\0"):
        if re.match(FILTERS, name, re.DOTALL | re.IGNORECASE):
            if "=" in name:
                raise Failure(
                    f"The filter {name!r} cannot be switched off, so git is not asked; review without --diff."
                )
            options += ["-c", f"{name}={'false' if name.lower().endswith('required') else ''}"]
    return options


def _parsed(lines: Iterable[str], top: Path) -> dict[Path, list[range]]:
    changed: dict[Path, list[range]] = {}
    current: list[range] = []
    left = 0  # lines of a hunk, which may look like anything
    for line in lines:
        if left:
            left -= not line.startswith("\\")  # "No newline at end of file" is no line
        elif line.startswith(FILE):
            current = changed.setdefault(top / _name(line.removeprefix(FILE)), [])
        elif line.startswith(BINARY):  # or so say the attributes of the repository
            current.append(WHOLE)
        elif hunk := HUNK.match(line):
            first, gone, count = int(hunk[2]), int(hunk[1] or 1), int(hunk[3] or 1)
            left = gone + count
            if count:
                current.append(range(first, first + count))
    return changed


def _name(pair: str) -> str:
    """The file of `a/NAME b/NAME`, both of which git quotes where they hold odd characters."""
    name = pair[len(pair) // 2 + 1 :]
    if name.startswith('"'):
        raw = ESCAPED.sub(_unescaped, os.fsencode(name[1:-1]))
        name = os.fsdecode(raw)
    return name.removeprefix("b/")


def _unescaped(found: re.Match[bytes]) -> bytes:
    held = found[1]
    return bytes([int(held, 8)]) if len(held) == 3 else LETTERS.get(held, held)


def _git(folder: Path, *arguments: str, wrong: str = "") -> str:
    git = shutil.which("git")
    if git is None:
        raise Failure("git is not installed, and --diff asks it what changed.")
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat", "LC_ALL": "C"}
    try:
        done = children.run([git, *QUIET, *arguments], bounds.GIT, folder=folder, environment=environment)
    except OSError as error:
        raise Failure(f"git could not be started ({error.strerror}); review without --diff.") from None
    if done.beyond:
        raise Failure(f"git {BEYOND[done.beyond]}; review without --diff.")
    if done.status:
        said = " ".join(done.said.split())[:300]
        raise Failure(wrong or f"git says: {said or 'nothing'}; --diff needs a repository.")
    return os.fsdecode(done.output)
