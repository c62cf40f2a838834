"""A branch as a proposal: its changes are edits of the text that the task began with."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, DeleteFile, TextChange
from server.work import merging
from server.work.merging import MergeFailed, propose_merge
from server.work.worktrees import Worktree, Worktrees
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from pathlib import Path

TASK = "0123456789abcdef"


@pytest.fixture
def opened(shop: Path, tmp_path: Path) -> Worktree:
    """Return the worktree of a task that has changed nothing yet."""
    return Worktrees(shop, tmp_path / "trees").open(TASK)


def commit(shop: Path, worktree: Worktree) -> None:
    """Commit what was changed in a worktree."""
    assert Worktrees(shop, worktree.folder.parent).commit(worktree, "Work")


def test_texts_new_files_and_deletions_become_changes_of_the_persons_files(shop: Path, opened: Worktree) -> None:
    (opened.root / "src" / "area.py").write_text("PI = 3.1415\n")
    (opened.root / "run.sh").write_text("#!/bin/sh\n")
    (opened.root / "run.sh").chmod(0o755)
    (opened.root / "gone.py").unlink()
    commit(shop, opened)
    proposal = propose_merge(opened, shop, "Use pi", "coder")
    assert proposal is not None
    assert (proposal.title, proposal.by) == ("Use pi", "coder")
    assert "starling/0123456789ab" in proposal.why
    gone, new, changed = proposal.changes
    assert gone == DeleteFile(shop / "gone.py", "x = 1\n")
    assert new == CreateFile(shop / "run.sh", "#!/bin/sh\n", executable=os.name != "nt")
    assert isinstance(changed, TextChange)
    assert (changed.path, changed.before, changed.after) == (shop / "src" / "area.py", "PI = 3.14\n", "PI = 3.1415\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_a_mode_that_no_edit_can_change_is_left_to_git(shop: Path, opened: Worktree) -> None:
    (opened.root / "gone.py").chmod(0o755)
    commit(shop, opened)
    with pytest.raises(MergeFailed, match="becomes executable"):
        propose_merge(opened, shop, "It", "coder")


def test_a_branch_without_changes_is_no_proposal(shop: Path, opened: Worktree) -> None:
    assert propose_merge(opened, shop, "Nothing", "coder") is None


def test_line_endings_of_the_working_tree_are_kept(shop: Path, opened: Worktree) -> None:
    run_git(shop, "config", "core.autocrlf", "true")
    (opened.root / "gone.py").write_bytes(b"x = 2\r\ny = 3\r\n")
    commit(shop, opened)
    proposal = propose_merge(opened, shop, "It", "coder")
    assert proposal is not None
    (changed,) = proposal.changes
    assert isinstance(changed, TextChange)
    assert (changed.before, changed.after) == ("x = 1\r\n", "x = 2\r\ny = 3\r\n")


@pytest.mark.parametrize("kind", ["binary", "link", "large", "outside", "many"])
def test_what_no_edit_can_express_is_refused_with_the_branch_to_merge(
    shop: Path, opened: Worktree, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = shop
    match kind:
        case "binary":
            (opened.root / "data.bin").write_bytes(b"\0\1\2\xff")
        case "link":
            (opened.root / "link.py").symlink_to("gone.py")
        case "large":
            (opened.root / "large.txt").write_text("x" * 1_000_001)
        case "outside":
            workspace = shop / "src"
            (opened.root / "gone.py").write_text("y = 1\n")
        case _:
            monkeypatch.setattr(merging, "MOST_FILES", 1)
            (opened.root / "one.py").write_text("a = 1\n")
            (opened.root / "two.py").write_text("b = 1\n")
    commit(shop, opened)
    with pytest.raises(MergeFailed, match=r"merge starling/0123456789ab with git instead\.$"):
        propose_merge(opened, workspace, "It", "coder")


def test_a_branch_that_is_gone_is_a_sentence(shop: Path, opened: Worktree) -> None:
    with pytest.raises(MergeFailed, match="git says"):
        propose_merge(replace(opened, branch="starling/none"), shop, "It", "coder")
