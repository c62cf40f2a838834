"""Worktrees in real repositories: what the task writes is on its branch, and the person's own tree is as it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from server.work import worktrees as module
from server.work.worktrees import WorktreeFailed, Worktrees
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from pathlib import Path

TASK = "0123456789abcdef"


def describe_tree(folder: Path) -> tuple[str, ...]:
    """Return everything about a person's tree that a task must not change."""
    texts = (f"{one.name}: {one.read_text()}" for one in sorted(folder.rglob("*.py")))
    return (run_git(folder, "status", "--porcelain"), run_git(folder, "rev-parse", "HEAD"), *texts)


def test_a_task_commits_on_its_own_branch_and_the_persons_tree_is_untouched(shop: Path, tmp_path: Path) -> None:
    before = describe_tree(shop)
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    assert (opened.branch, opened.root) == ("starling/0123456789ab", tmp_path / "trees" / TASK)
    assert (opened.root / "src" / "area.py").read_text() == "PI = 3.14\n"
    (opened.root / "src" / "area.py").write_text("from math import pi\n")
    (opened.root / "new.py").write_text("z = 3\n")
    (opened.root / "gone.py").unlink()
    (opened.root / "debug.log").write_text("noise")
    assert trees.commit(opened, "Use pi")
    assert not trees.commit(opened, "Nothing is left")
    changed = run_git(shop, "diff", "--name-status", opened.base, opened.branch).split()
    assert changed == ["D", "gone.py", "A", "new.py", "M", "src/area.py"]
    assert run_git(shop, "log", "-1", "--format=%an %s", opened.branch) == "Starling Use pi\n"
    assert describe_tree(shop) == before
    trees.remove(TASK, with_branch=True)
    assert describe_tree(shop) == before
    assert run_git(shop, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    assert (trees.list_folders(), run_git(shop, "worktree", "list").count("\n")) == ((), 1)


def test_opening_again_gives_what_is_there_and_a_lost_folder_comes_back_from_the_branch(
    shop: Path, tmp_path: Path
) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "new.py").write_text("half\n")
    assert trees.open(TASK) == opened
    assert (opened.root / "new.py").read_text() == "half\n"
    assert trees.commit(opened, "Half of it")
    run_git(shop, "commit", "-q", "--allow-empty", "-m", "the person goes on")
    (opened.folder / ".git").unlink()  # as a kill in the middle of a removal leaves it
    again = trees.open(TASK)
    assert again == opened
    assert (again.root / "new.py").read_text() == "half\n"


def test_a_folder_below_the_top_is_found_in_the_worktree(shop: Path, tmp_path: Path) -> None:
    opened = Worktrees(shop / "src", tmp_path / "trees").open(TASK)
    assert opened.root == opened.folder / "src"
    assert (opened.root / "area.py").is_file()


def test_what_was_not_committed_can_be_discarded(shop: Path, tmp_path: Path) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "gone.py").write_text("broken")
    (opened.root / "extra").mkdir()
    (opened.root / "extra" / "new.py").write_text("broken")
    trees.reset(opened)
    assert (opened.root / "gone.py").read_text() == "x = 1\n"
    assert not (opened.root / "extra").exists()


def test_nothing_of_the_repositorys_configuration_is_run(shop: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    hook = shop / ".git" / "hooks"
    for name in ("post-checkout", "pre-commit", "commit-msg", "post-commit"):
        (hook / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hook / name).chmod(0o755)
    for name in ("clean", "smudge"):
        run_git(shop, "config", f"filter.evil.{name}", f"touch {ran}; cat")
    run_git(shop, "config", "core.fsmonitor", f"touch {ran}")
    (shop / ".git" / "info" / "attributes").write_text("*.py filter=evil\n")
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "new.py").write_text("z = 3\n")
    assert trees.commit(opened, "New")
    trees.reset(opened)
    assert not ran.exists()


def test_many_tasks_open_at_once(shop: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda number: Worktrees(shop, tmp_path / "trees").open(f"{number}" * 16), range(6)))
    assert len({one.folder for one in opened}) == 6
    assert all((one.root / "gone.py").is_file() for one in opened)


@pytest.mark.parametrize("with_repository", [True, False])
def test_without_a_repository_or_a_commit_a_sentence_says_so(tmp_path: Path, *, with_repository: bool) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    if with_repository:
        run_git(folder, "init", "-q")
    with pytest.raises(WorktreeFailed, match="needs a git repository with a commit"):
        Worktrees(folder, tmp_path / "trees").open(TASK)


def test_the_number_of_branches_is_bounded(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 1)
    trees = Worktrees(shop, tmp_path / "trees")
    trees.open(TASK)
    assert trees.open(TASK).task == TASK
    with pytest.raises(WorktreeFailed, match="merge or drop"):
        trees.open("f" * 16)
    assert trees.find("f" * 16) is None
    trees.remove(TASK, with_branch=False)
    assert trees.open(TASK).root.is_dir()


def test_a_filter_that_is_configured_for_the_tasks_branch_alone_is_not_run(shop: Path, tmp_path: Path) -> None:
    ran, settings = tmp_path / "ran", tmp_path / "settings"
    for name in ("clean", "smudge"):
        run_git(shop, "config", "--file", str(settings), f"filter.evil.{name}", f"touch {ran}; cat")
    run_git(shop, "config", "includeIf.onbranch:starling/**.path", str(settings))
    (shop / ".git" / "info" / "attributes").write_text("*.py filter=evil\n")
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    assert (opened.root / "gone.py").read_text() == "x = 1\n"
    (opened.root / "new.py").write_text("z = 3\n")
    assert trees.commit(opened, "New")
    trees.reset(opened)
    assert not ran.exists()


def test_a_worktree_whose_repository_was_exchanged_is_not_used(shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run_git(tmp_path, "init", "-q", str(other))
    run_git(other, "config", "core.worktree", str(tmp_path))
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.folder / ".git").write_text(f"gitdir: {other / '.git'}\n")
    for use in (lambda: trees.commit(opened, "New"), lambda: trees.reset(opened)):
        with pytest.raises(WorktreeFailed, match="another repository"):
            use()
    assert trees.open(TASK) == opened
    assert trees.commit(opened, "Nothing") is False


def test_a_checkout_that_was_cut_off_is_made_again(shop: Path, tmp_path: Path) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (shop / ".git" / "worktrees" / TASK / "index").unlink()
    (opened.root / "gone.py").unlink()
    assert (trees.open(TASK).root / "gone.py").is_file()


def test_a_persons_own_worktree_on_a_disk_that_is_not_there_keeps_its_record(shop: Path, tmp_path: Path) -> None:
    run_git(shop, "worktree", "add", "-q", str(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    trees = Worktrees(shop, tmp_path / "trees")
    trees.open(TASK)
    trees.remove(TASK, with_branch=True)
    assert [one.name for one in (shop / ".git" / "worktrees").iterdir()] == ["disk"]


@pytest.mark.parametrize("kind", ["missing", "link"])
def test_a_folder_that_is_none_in_the_commit_is_no_place_for_a_task(shop: Path, tmp_path: Path, kind: str) -> None:
    folder = shop / "new"
    if kind == "link":
        folder.symlink_to(tmp_path)
        run_git(shop, "add", "new")
        run_git(shop, "commit", "-q", "-m", "a link")
        folder.unlink()
    folder.mkdir()
    with pytest.raises(WorktreeFailed, match="new is no folder in the current commit"):
        Worktrees(folder, tmp_path / "trees").open(TASK)
    assert not (tmp_path / "trees" / TASK).exists()


def test_files_of_a_repository_that_lie_elsewhere_are_said(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run_git(shop, "config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(WorktreeFailed, match="outside of the files of its repository"):
        Worktrees(shop, tmp_path / "trees").open(TASK)


def test_submodules_are_left_out_also_where_git_is_to_go_into_them(shop: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    run_git(tmp_path, "init", "-q", str(part))
    run_git(part, "commit", "-q", "--allow-empty", "-m", "first")
    run_git(shop, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(part), "part")
    run_git(shop, "commit", "-q", "-m", "with a part")
    run_git(shop, "config", "submodule.recurse", "true")
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "new.py").write_text("z = 3\n")
    assert trees.commit(opened, "New")
    assert trees.list_changed(opened) == ["new.py"]
    trees.reset(opened)
    trees.remove(TASK, with_branch=True)
    assert trees.list_folders() == ()


def make_repository(folder: Path, *, commits: bool = True) -> None:
    """Make a repository with a file, committed or not."""
    run_git(folder.parent, "init", "-q", str(folder))
    (folder / "inner.py").write_text("kept = 1\n")
    if commits:
        run_git(folder, "add", "--all")
        run_git(folder, "commit", "-q", "-m", "inner")


@pytest.mark.parametrize("commits", [True, False])
def test_a_repository_that_a_task_made_is_not_lost(shop: Path, tmp_path: Path, *, commits: bool) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    make_repository(opened.root / "inner", commits=commits)
    (opened.root / "new.py").write_text("z = 3\n")
    with pytest.raises(WorktreeFailed, match=r"written to inner cannot .* starling tasks retry 01234567") as told:
        trees.commit(opened, "New")
    assert str(opened.folder) in str(told.value)
    assert (opened.root / "inner" / "inner.py").read_text() == "kept = 1\n"
    (opened.root / "inner").rename(tmp_path / "inner")
    assert trees.open(TASK) == opened
    assert trees.commit(opened, "New")
    assert trees.list_changed(opened) == ["new.py"]


def test_a_repository_that_a_task_itself_committed_is_not_lost(shop: Path, tmp_path: Path) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    make_repository(opened.root / "src" / "inner")
    run_git(opened.root, "add", "--all")
    run_git(opened.root, "commit", "-q", "-m", "with a link to a commit")
    with pytest.raises(WorktreeFailed, match="src/inner"):
        trees.commit(opened, "New")


def test_what_a_task_wrote_into_a_submodule_is_not_lost(shop: Path, tmp_path: Path) -> None:
    make_repository(tmp_path / "part")
    run_git(shop, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "part"), "part")
    run_git(shop, "commit", "-q", "-m", "with a part")
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    assert not trees.commit(opened, "An empty submodule is no reason")
    (opened.root / "part" / "new.py").write_text("z = 3\n")
    with pytest.raises(WorktreeFailed, match="written to part cannot"):
        trees.commit(opened, "New")


def test_repositories_in_ignored_folders_are_no_reason(shop: Path, tmp_path: Path) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / ".gitignore").write_text("*.log\nenv/\n")
    (opened.root / "env").mkdir()
    make_repository(opened.root / "env" / "package")
    assert trees.commit(opened, "New")
    assert trees.list_changed(opened) == [".gitignore"]


def test_a_lock_of_another_git_has_its_own_advice(shop: Path, tmp_path: Path) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "new.py").write_text("z = 3\n")
    lock = shop / ".git" / "worktrees" / TASK / "index.lock"
    lock.touch()
    with pytest.raises(WorktreeFailed, match="another git is at work there"):
        trees.commit(opened, "New")
    lock.unlink()
    assert trees.commit(opened, "New")


def test_what_lies_outside_of_a_sparse_checkout_is_committed_too(shop: Path, tmp_path: Path) -> None:
    run_git(shop, "reset", "-q", "--hard")
    run_git(shop, "sparse-checkout", "set", "src")
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "docs").mkdir()
    (opened.root / "docs" / "area.md").write_text("Areas.\n")
    assert trees.commit(opened, "Document it")
    assert trees.list_changed(opened) == ["docs/area.md"]


def test_no_setting_about_line_endings_or_messages_keeps_a_commit_from_being_made(shop: Path, tmp_path: Path) -> None:
    for name, value in (("core.autocrlf", "true"), ("core.safecrlf", "true"), ("commit.cleanup", "strip")):
        run_git(shop, "config", name, value)
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "src" / "area.py").write_bytes(b"PI = 3.1415\n")
    assert trees.commit(opened, "#12: more exact")
    assert run_git(shop, "log", "-1", "--format=%s", opened.branch) == "#12: more exact\n"


def test_the_lock_of_a_git_that_was_killed_does_not_stop_the_next_attempt(shop: Path, tmp_path: Path) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    (trees.open(TASK).root / "new.py").write_text("z = 3\n")
    (shop / ".git" / "worktrees" / TASK / "index.lock").touch()
    assert trees.commit(trees.open(TASK), "New")


def test_a_folder_whose_removal_was_cut_off_is_not_taken_for_the_tasks_work(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = Worktrees(shop, tmp_path / "trees")
    opened = trees.open(TASK)
    (opened.root / "new.py").write_text("z = 3\n")
    assert trees.commit(opened, "New")

    def remove_one_file(folder: Path, **_: object) -> None:
        (folder / "new.py").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(module.shutil, "rmtree", remove_one_file)
    with pytest.raises(KeyboardInterrupt):
        trees.remove(TASK, with_branch=False)
    monkeypatch.undo()
    assert trees.commit(trees.open(TASK), "Nothing") is False
    assert trees.list_changed(opened) == ["new.py"]
