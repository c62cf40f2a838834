"""Advice after a failure of git: each cause has its own next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.work.git_advice import advise

TOP = Path("shop")


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("git is not installed", "install git"),
        ("git says: fatal: not a git repository (or any of the parent directories): .git", "needs a git repository"),
        ("git says: fatal: Needed a single revision", "needs a git repository with a commit"),
        ("git says: fatal: detected dubious ownership in repository at '/shop'", "safe.directory shop"),
        ("git says: fatal: Unable to create '/shop/.git/index.lock': File exists.", "delete the lock file"),
        ("git says: error: cannot lock ref 'refs/heads/starling/1': Unable to create", "another git is at work"),
        (
            "git says: fatal: cannot lock ref 'refs/heads/starling/1': 'refs/heads/starling' exists; cannot create it",
            "rename it",
        ),
        ("git says: fatal: cannot force update the branch 'starling/1' checked out at '/shop'", "leave the task's"),
        ("git says: fatal: write error: No space left on device", "free some space"),
        ("git says: error: insufficient permission: Permission denied", "can be written"),
        ("git did not answer within 60 seconds", "less busy"),
        ("git says: fatal: bad object HEAD", "git fsck"),
        ("git says: error: object file .git/objects/12/34 is empty", "git fsck"),
        ("git says: fatal: 'starling/1' is already used by worktree at '/shop'", "leave the task's branch"),
        ("git says: fatal: something new", "`git -C shop status`"),
    ],
)
def test_each_cause_has_its_next_step(said: str, advice: str) -> None:
    assert advice in advise(said, TOP)
