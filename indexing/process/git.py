"""Git, run by Starling itself with a fixed command line, so that no program of a repository's configuration is started.

Hooks, file monitors, filters, pagers, signatures and fetches are off. Start at `run_git`.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.process import children

if TYPE_CHECKING:
    from pathlib import Path

BEYOND = {
    "time": f"did not answer within {bounds.GIT.seconds:g} seconds",
    "memory": "took too much memory",
    "output": "had more to say than can be read",
}
QUIET = (
    "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "protocol.allow=never",
    "-c", f"core.hooksPath={os.devnull}", "-c", "diff.autoRefreshIndex=false", "-c", "commit.gpgSign=false",
    "-c", "gc.auto=0", "-c", "maintenance.auto=false",
)  # fmt: skip
FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"
SETTINGS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat", "GIT_EDITOR": ":", "LC_ALL": "C"}
PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
"""Variables of the environment that would have git use another repository than that of the folder."""


class GitFailed(Exception):  # noqa: N818 (an answer, not an error of the program)
    """Git is missing, failed or exceeded a bound; the message is a sentence without its end, "git ..."."""


def run_git(folder: Path, *arguments: str) -> str:
    """Run git with `arguments` in `folder` and return its output; bytes that are not UTF-8 become surrogates. Blocking.

    Raises:
        GitFailed: git is missing, ended with an error, or exceeded `bounds.GIT`.
    """
    git = shutil.which("git")
    if git is None:
        raise GitFailed("git is not installed")
    environment = {name: value for name, value in os.environ.items() if name not in PLACES} | SETTINGS
    try:
        done = children.run([git, *QUIET, *arguments], bounds.GIT, folder=folder, environment=environment)
    except OSError as error:
        raise GitFailed(f"git could not be started ({error.strerror})") from None
    if done.beyond:
        raise GitFailed(f"git {BEYOND[done.beyond]}")
    if done.status:
        said = " ".join(done.said.split())[:300]
        raise GitFailed(f"git says: {said or 'nothing'}")
    return os.fsdecode(done.output)


def list_filter_options(folder: Path) -> list[str]:
    """Return options for git that disable all filters configured for the repository of `folder`. Blocking.

    Raises:
        GitFailed: git failed, or the name of a filter contains "=", so that no option can disable it.
    """
    options: list[str] = []
    for name in run_git(folder, "config", "--list", "--name-only", "-z").split("\0"):
        if re.match(FILTERS, name, re.DOTALL | re.IGNORECASE):
            if "=" in name:
                raise GitFailed(f"git was not run, because its filter {name!r} cannot be disabled")
            options += ["-c", f"{name}={'false' if name.lower().endswith('required') else ''}"]
    return options
