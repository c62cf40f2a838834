"""Which lines of a repository's files changed since a revision, asked of git with fixed arguments.

A revision that could be read as an option is refused; no external diff, text conversion or file monitor of the
repository's own is run. Start at `since`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TIMEOUT_S = 60
REVISION = re.compile(r"[A-Za-z0-9_@][\w./~^@{}+-]{0,250}")
HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
QUIET = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
DIFF = (
    "--unified=0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
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
    _git(
        folder, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}", wrong=f"git knows no revision {revision}."
    )
    changed = _parsed(_git(top, "diff", *DIFF, revision, "--").split("\n"), top)
    for name in _git(top, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        if name:
            changed[top / name] = [range(1, 1 << 31)]
    return changed


def _parsed(lines: Iterable[str], top: Path) -> dict[Path, list[range]]:
    changed: dict[Path, list[range]] = {}
    current: list[range] | None = None
    for line in lines:
        if line.startswith("+++ "):
            name = line[4:].rstrip("\r\t")
            current = None
            if name.startswith("b/"):
                current = changed.setdefault(top / name[2:], [])
        elif current is not None and (hunk := HUNK.match(line)):
            first, count = int(hunk[1]), int(hunk[2]) if hunk[2] is not None else 1
            if count:
                current.append(range(first, first + count))
    return changed


def _git(folder: Path, *arguments: str, wrong: str = "") -> str:
    git = shutil.which("git")
    if git is None:
        raise Failure("git is not installed, and --diff asks it what changed.")
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [git, *QUIET, *arguments], cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"git did not answer within {TIMEOUT_S} seconds; review without --diff.") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise Failure(wrong or f"git says: {said or 'nothing'}; --diff needs a repository.")
    return os.fsdecode(done.stdout)
