"""Worktrees of git for queued tasks: each task that writes has a folder and a branch of its own.

The worktrees lie in Starling's state folder. The person's own files, index and HEAD are never touched; what the
repository gets is a branch `starling/ID`, a ref `refs/starling/ID` for the commit that it began at, and git's record of
the worktree. Every step may be repeated after a kill. Blocking; any thread and process. Start at `Worktrees.open`.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from indexing.process.git import GitFailed, list_filter_options, run_git
from server.work.git_advice import advise
from server.work.nested_repositories import find_nested
from starling_files import FILE_MODE, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOCK_WAIT_S = 60.0
ID_LENGTH = 12
AUTHOR = ("Starling", "starling@localhost")
"""Name and address of the author of commits where the person has configured none."""

COMMIT = ("commit", "-q", "--no-verify", "--cleanup=whitespace")
"""The command that commits: a title that begins with `#` stays, whatever is configured."""

MOST_OPEN = 200
"""Worktrees of one repository; more are refused until some are merged or dropped."""


class WorktreeFailed(Exception):  # noqa: N818 (an answer, not an error of the program)
    """A worktree cannot be made or used; the message is a sentence for a person, with the next step."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """The worktree of a task.

    Attributes:
        task: id of the task.
        folder: top of the worktree.
        root: the folder in it that stands for the workspace folder, `folder` itself or one below.
        branch: name of its branch.
        base: the commit that it began at.
    """

    task: str
    folder: Path
    root: Path
    branch: str
    base: str


class Worktrees:
    """The worktrees of the repository that a workspace folder is in.

    Args:
        workspace: the workspace folder.
        storage: folder of the worktrees, our own.
    """

    def __init__(self, workspace: Path, storage: Path) -> None:
        self._workspace = workspace
        self._storage = storage

    def open(self, task: str) -> Worktree:
        """Return the worktree of a task: unchanged if its folder is whole, else made again from the task's branch.

        A task without a branch gets one at the commit that its work began at, for a new task the current commit.

        Raises:
            WorktreeFailed: there is no repository, or it has no commit or too many tasks (`MOST_OPEN`), or git failed.
        """
        with self._use_repository() as top:
            worktree = self._locate(top, task)
            if worktree.base and _is_whole(top, worktree):
                _remove_stale_locks(worktree)
                return worktree
            if not worktree.base and len(self._list_refs(top)) >= MOST_OPEN:
                raise WorktreeFailed(f"{MOST_OPEN} tasks have branches here already; merge or drop some of them first.")
            base = worktree.base or run_git(top, "rev-parse", "--verify", "HEAD^{commit}").strip()
            start = worktree.branch if _has_branch(top, worktree.branch) else base
            _check_folder(top, start, worktree.root.relative_to(worktree.folder))
            run_git(top, "update-ref", _name_ref(task), base)
            _remove_folder(top, worktree)
            make_folder(self._storage)
            options = ("worktree", "add", "-q", "--force", "--no-checkout", "-B", worktree.branch)
            run_git(top, *options, str(worktree.folder), start)
            run_git(
                worktree.folder,
                *list_filter_options(worktree.folder),
                "reset",
                "-q",
                "--hard",
                "--no-recurse-submodules",
            )
            return self._locate(top, task)

    def find(self, task: str) -> Worktree | None:
        """Return the worktree of a task, whose folder need not exist; None if the task has no branch.

        Raises:
            WorktreeFailed: git failed.
        """
        with self._use_repository() as top:
            worktree = self._locate(top, task)
            return worktree if worktree.base and _has_branch(top, worktree.branch) else None

    def commit(self, worktree: Worktree, message: str) -> bool:
        """Commit everything that was changed in a worktree, files that git ignores excepted; return whether any was.

        Raises:
            WorktreeFailed: git failed, the folder belongs to another repository now, or it has files in a repository
                of their own, which no branch can hold; then nothing is committed.
        """
        with self._use_repository() as top:
            _check_repository(top, worktree)
            unfiltered = list_filter_options(worktree.folder)
            _check_nested(worktree, unfiltered)
            sparse = ("--sparse",) if _is_sparse(worktree) else ()
            run_git(worktree.folder, *unfiltered, "-c", "core.safecrlf=false", "add", "--all", *sparse)
            if not run_git(worktree.folder, *unfiltered, "diff", "--cached", "--name-only", "--ignore-submodules"):
                return False
            author = () if _has_author(top) else ("-c", f"user.name={AUTHOR[0]}", "-c", f"user.email={AUTHOR[1]}")
            run_git(worktree.folder, *unfiltered, *author, *COMMIT, "-m", message)
            return True

    def list_changed(self, worktree: Worktree) -> list[str]:
        """Return the paths of the files that a branch changes, relative to the top of the repository.

        Raises:
            WorktreeFailed: git failed.
        """
        with self._use_repository() as top:
            options = ("--name-only", "-z", "--no-renames", "--ignore-submodules")
            return [
                one for one in run_git(top, "diff", *options, worktree.base, worktree.branch, "--").split("\0") if one
            ]

    def reset(self, worktree: Worktree) -> None:
        """Discard what was changed in a worktree since its last commit, also new files, but not those that git ignores.

        Raises:
            WorktreeFailed: git failed.
        """
        with self._use_repository() as top:
            _check_repository(top, worktree)
            unfiltered = list_filter_options(worktree.folder)
            run_git(worktree.folder, *unfiltered, "reset", "-q", "--hard", "--no-recurse-submodules")
            run_git(worktree.folder, *unfiltered, "clean", "-q", "-d", "--force")

    def commit_rest(self, task: str, message: str) -> None:
        """Commit what a task has left in the folder of its worktree, as a kill or a full disk may leave it.

        Does nothing if there is no folder, or a removal of it was cut off.

        Raises:
            WorktreeFailed: as `commit`.
        """
        worktree = self.find(task)
        if worktree is not None and (worktree.folder / ".git").exists():
            self.commit(self.open(task), message)

    def read_tip(self, worktree: Worktree) -> str:
        """Return the newest commit of the branch of a worktree.

        Raises:
            WorktreeFailed: git failed, or there is no such branch.
        """
        with self._use_repository() as top:
            return _read_tip(top, worktree)

    def remove(self, task: str, *, with_branch: bool, tip: str = "") -> bool:
        """Delete the folder of a task's worktree, and with `with_branch` its branch; do nothing if there is none.

        With `tip`, deletes nothing and returns False if the branch has another newest commit; otherwise returns True.

        Raises:
            WorktreeFailed: git failed.
        """
        with self._use_repository() as top:
            worktree = self._locate(top, task)
            if tip and _has_branch(top, worktree.branch) and _read_tip(top, worktree) != tip:
                return False
            _remove_folder(top, worktree)
            if with_branch:
                if _has_branch(top, worktree.branch):
                    run_git(top, "branch", "-q", "-D", worktree.branch)
                run_git(top, "update-ref", "-d", _name_ref(task))
            return True

    def list_branches(self) -> dict[str, str]:
        """Return the names of the branches of all tasks of the repository, by the task's id; {} if git failed."""
        try:
            names = run_git(
                self._workspace, "for-each-ref", "--format=%(refname)", "refs/starling/", "refs/heads/starling/"
            ).split()
        except GitFailed:
            return {}
        branches = {name.removeprefix("refs/heads/") for name in names}
        tasks = [name.removeprefix("refs/starling/") for name in names if name.startswith("refs/starling/")]
        return {task: branch for task in tasks if (branch := _name_branch(task)) in branches}

    def list_folders(self) -> tuple[Path, ...]:
        """Return the folders of all worktrees in the storage, also of other repositories; () if it cannot be read."""
        with contextlib.suppress(OSError):
            return tuple(sorted(one for one in self._storage.iterdir() if one.is_dir()))
        return ()

    @contextlib.contextmanager
    def _use_repository(self) -> Iterator[Path]:
        """Yield the top of the repository, with a lock against other users of the storage.

        Raises:
            WorktreeFailed: there is no repository, git failed in the block, the storage cannot be used, or another
                process holds the lock for `LOCK_WAIT_S`.
        """
        make_folder(self._storage)
        try:
            with FileLock(self._storage / ".lock", timeout=LOCK_WAIT_S, mode=FILE_MODE):
                yield Path(run_git(self._workspace, "rev-parse", "--show-toplevel").rstrip("\n"))
        except GitFailed as error:
            raise WorktreeFailed(f"{self._workspace}: {error}; {advise(str(error), self._workspace)}.") from error
        except OSError as error:  # includes the lock's `Timeout`
            raise WorktreeFailed(f"{self._storage} cannot be used ({error}); see that it can be written.") from error

    def _locate(self, top: Path, task: str) -> Worktree:
        """Return the worktree of a task as it is, or would be, with an empty `base` if the task has none.

        Raises:
            GitFailed: git failed.
            WorktreeFailed: the repository's files lie elsewhere.
        """
        folder = self._storage / task
        workspace, outer = self._workspace.resolve(), top.resolve()
        if not workspace.is_relative_to(outer):
            raise WorktreeFailed(f"{self._workspace} lies outside of the files of its repository, which are in {top}.")
        below = workspace.relative_to(outer)
        base = run_git(top, "for-each-ref", "--format=%(objectname)", _name_ref(task)).strip()
        return Worktree(task, folder, folder / below, _name_branch(task), base)

    @staticmethod
    def _list_refs(top: Path) -> list[str]:
        """Return the names of the refs of all tasks; raises GitFailed."""
        return run_git(top, "for-each-ref", "--format=%(refname)", "refs/starling/").split()


def _name_branch(task: str) -> str:
    """Return the name of the branch of a task."""
    return f"starling/{task[:ID_LENGTH]}"


def _name_ref(task: str) -> str:
    """Return the name of the ref for the commit that the work on a task began at."""
    return f"refs/starling/{task}"


def _has_branch(top: Path, branch: str) -> bool:
    """Return whether the repository has a branch."""
    return bool(run_git(top, "for-each-ref", "--format=%(refname)", f"refs/heads/{branch}").strip())


def _read_tip(top: Path, worktree: Worktree) -> str:
    """Return the newest commit of the branch of a worktree.

    Raises:
        GitFailed: git failed, or there is no such branch.
    """
    return run_git(top, "rev-parse", "--verify", f"refs/heads/{worktree.branch}^{{commit}}").strip()


def _is_whole(top: Path, worktree: Worktree) -> bool:
    """Return whether the folder of a worktree is git's, has an index, and has its branch checked out."""
    try:
        _check_repository(top, worktree)
        if run_git(worktree.folder, "symbolic-ref", "--short", "HEAD").strip() != worktree.branch:
            return False
        index = run_git(worktree.folder, "rev-parse", "--git-path", "index").rstrip("\n")
    except (GitFailed, WorktreeFailed):
        return False
    below = worktree.root.relative_to(worktree.folder)
    return (worktree.folder / index).is_file() and worktree.root.resolve() == worktree.folder.resolve() / below


def _check_repository(top: Path, worktree: Worktree) -> None:
    """Check that the folder of a worktree still belongs to the repository: a command may have changed its `.git`.

    Raises:
        GitFailed: git failed.
        WorktreeFailed: it does not.
    """
    records = (top / run_git(top, "rev-parse", "--git-common-dir").rstrip("\n") / "worktrees").resolve()
    link = worktree.folder / ".git"
    try:
        record = worktree.folder / link.read_text("utf-8", "surrogateescape").removeprefix("gitdir: ").rstrip("\n")
        is_own = record.resolve().parent == records and not link.is_symlink()
    except (OSError, ValueError):
        is_own = False
    if not is_own:
        raise WorktreeFailed(f"{link} was changed, so that git would use another repository; retry or cancel the task.")


def _check_nested(worktree: Worktree, options: Sequence[str]) -> None:
    """Check that no file of a worktree lies in a repository of its own, where the task's branch cannot hold it.

    Raises:
        GitFailed: git failed.
        WorktreeFailed: some do.
    """
    nested = find_nested(worktree.folder, options)
    if nested:
        names = ", ".join(nested[:3]) + (f" and {len(nested) - 3} more" if len(nested) > 3 else "")
        raise WorktreeFailed(
            f"What was written to {names} cannot be on the task's branch: git has a repository of its own there. "
            f"Nothing was committed, and {worktree.folder} is kept. Take from there what you need, delete these "
            f"folders in it, and run starling tasks retry {worktree.task[:8]}, or cancel the task."
        )


def _check_folder(top: Path, commit: str, below: Path) -> None:
    """Check that the workspace folder is a folder in a commit, too, and no link.

    Raises:
        GitFailed: git failed.
        WorktreeFailed: it is not.
    """
    if below.parts and not run_git(
        top, "--literal-pathspecs", "ls-tree", "-d", commit, "--", below.as_posix()
    ).startswith("040000 "):
        raise WorktreeFailed(f"{below} is no folder in the current commit; commit a file in it first.")


def _remove_stale_locks(worktree: Worktree) -> None:
    """Delete the locks that a git which was killed has left in the record of a worktree, which nobody else uses.

    Raises:
        GitFailed: git failed.
    """
    for name in ("index", "HEAD"):
        path = run_git(worktree.folder, "rev-parse", "--git-path", f"{name}.lock").rstrip("\n")
        with contextlib.suppress(OSError):
            (worktree.folder / path).unlink(missing_ok=True)


def _is_sparse(worktree: Worktree) -> bool:
    """Return whether only a part of the files is checked out, in which case git leaves other new files out unasked.

    Raises:
        GitFailed: git failed.
    """
    options = ("--type=bool", "--default=false", "--get")
    return run_git(worktree.folder, "config", *options, "core.sparseCheckout").strip() == "true"


def _remove_folder(top: Path, worktree: Worktree) -> None:
    """Delete the folder of a worktree and git's record of it, as far as that is possible; raise nothing.

    Its link to the repository goes first: after a kill in between, what is left is not taken for the task's work.
    """
    with contextlib.suppress(OSError):
        (worktree.folder / ".git").unlink(missing_ok=True)
    shutil.rmtree(worktree.folder, ignore_errors=True)
    with contextlib.suppress(GitFailed):  # there is no record
        run_git(top, "worktree", "remove", "--force", "--force", str(worktree.folder))


def _has_author(top: Path) -> bool:
    """Return whether git knows a name and an address for commits."""
    try:
        return bool(run_git(top, "config", "user.name").strip() and run_git(top, "config", "user.email").strip())
    except GitFailed:
        return False
