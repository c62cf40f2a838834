"""The next step for a person after git has failed in a repository or a worktree. Start at `advise`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NEEDS_REPOSITORY = "a task that changes files needs a git repository with a commit"

_ADVICE = (
    (("git is not installed", "git could not be started"), "install git, then retry the task"),
    (
        ("dubious ownership",),
        "give it to Starling's user, or have git trust it: git config --global --add safe.directory {top}",
    ),
    (("not a git repository", "Needed a single revision", "unknown revision or path"), NEEDS_REPOSITORY),
    (
        ("exists; cannot create",),
        "a branch with the name `starling` leaves no room for branches of tasks; rename it, then retry the task",
    ),
    (
        (".lock': File exists", "Another git process", "cannot lock ref"),
        "another git is at work there; when it has ended, retry the task, and if none is at work, delete the lock file",
    ),
    (("No space left on device", "Disk quota exceeded"), "free some space, then retry the task"),
    (
        ("Permission denied", "Read-only file system"),
        "see that the repository's .git can be written, then retry the task",
    ),
    (
        ("did not answer within", "took too much memory", "had more to say"),
        "the repository is large or its disk is slow; retry the task when the machine is less busy",
    ),
    (
        ("bad object", "corrupt", "missing blob", "missing tree", "object file", "unable to read tree"),
        "the repository is damaged; `git fsck` shows where",
    ),
    (
        ("is already checked out", "already used by worktree", "cannot force update the branch"),
        "leave the task's branch in your own tree, then retry the task",
    ),
)
"""Parts of what git says (in English: `run_git` asks for that), and the advice for each; the first that fits counts."""


def advise(said: str, top: Path) -> str:
    """Return advice for a person after a failure of git, as the end of a sentence.

    Args:
        said: what git said.
        top: the repository or workspace folder.
    """
    for marks, advice in _ADVICE:
        if any(mark in said for mark in marks):
            return advice.format(top=top)
    return f"`git -C {top} status` may show why; then retry the task"
