"""The merge of a task's branch into the person's files, as one proposal for the gate.

Each change is an edit of the text that the task began with, so that the gate moves it to what the person has written
since, and refuses what does not fit. Reads git and the worktree's branch only. Start at `propose_merge`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, ProposedEdit, TextChange
from agents.tasks.rewriting.line_edits import diff_lines
from indexing.process.git import GitFailed, list_filter_options, run_git
from server.gate.disk import contents

if TYPE_CHECKING:
    from agents.edits import Change
    from server.work.worktrees import Worktree

MOST_FILES = 500
"""Files of one proposal."""

_REGULAR = {"100644", "100755"}
_NONE = "000000"


class MergeFailed(Exception):  # noqa: N818 (an answer, not an error of the program)
    """A branch cannot be proposed as edits; the message is a sentence for a person, with the next step."""


def propose_merge(worktree: Worktree, workspace: Path, title: str, by: str) -> ProposedEdit | None:
    """Return the changes of a task's branch as a proposal for the files of `workspace`; None if there are none.

    Blocking.

    Args:
        worktree: the task's worktree; its folder need not exist any more.
        workspace: the person's workspace folder, in the same repository.
        title: title of the task.
        by: name of the agent or workflow that did it.

    Raises:
        MergeFailed: git failed; the branch changes too many files, or something that no edit can express (a binary
            file, a link, a submodule, another mode, a file outside of the workspace).
    """
    by_hand = f"merge {worktree.branch} with git instead"
    try:
        changes = _list_changes(worktree, workspace, by_hand)
    except GitFailed as error:
        raise MergeFailed(f"{error}; {by_hand}.") from error
    if not changes:
        return None
    why = f"A queued task did this on the branch {worktree.branch}, which began at {worktree.base[:10]}."
    return ProposedEdit(title, why, by, tuple(changes))


def _list_changes(worktree: Worktree, workspace: Path, by_hand: str) -> list[Change]:
    """Return the changes between the base and the tip of a branch.

    Raises:
        GitFailed, MergeFailed: as `propose_merge`.
    """
    top = Path(run_git(workspace, "rev-parse", "--show-toplevel").rstrip("\n"))
    options = ("--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--ignore-submodules=none")
    fields = run_git(top, "diff", *options, worktree.base, worktree.branch, "--").split("\0")
    pairs = list(zip(fields[:-1:2], fields[1::2], strict=False))
    if len(pairs) > MOST_FILES:
        raise MergeFailed(f"The branch changes {len(pairs):,} files, more than {MOST_FILES} can be shown; {by_hand}.")
    reader = _Reader(top, worktree, by_hand)
    changes: list[Change] = []
    for entry, name in pairs:
        path = top / name
        if not path.is_relative_to(workspace.resolve()):
            raise MergeFailed(f"{name} lies outside of {workspace}; {by_hand}.")
        before_mode, after_mode, *_ = entry.removeprefix(":").split()
        if {before_mode, after_mode} - _REGULAR - {_NONE}:
            raise MergeFailed(f"{name} is a link or a submodule; {by_hand}.")
        if _NONE not in {before_mode, after_mode} and before_mode != after_mode:
            raise MergeFailed(f"{name} becomes executable, or no longer is; {by_hand}.")
        changes.append(reader.read_change(name, path, existed=before_mode != _NONE, mode_after=after_mode))
    return changes


class _Reader:
    """Reads the texts of a branch."""

    def __init__(self, top: Path, worktree: Worktree, by_hand: str) -> None:
        self._top = top
        self._worktree = worktree
        self._by_hand = by_hand
        self._unfiltered = list_filter_options(top)

    def read_change(self, name: str, path: Path, *, existed: bool, mode_after: str) -> Change:
        """Return the change of one file; `mode_after` is its mode on the branch, in git's form.

        Raises:
            GitFailed, MergeFailed: as `propose_merge`.
        """
        if not existed:
            return CreateFile(path, self._read(self._worktree.branch, name), executable=mode_after == "100755")
        before = self._read(self._worktree.base, name)
        if mode_after == _NONE:
            return DeleteFile(path, before)
        edits = diff_lines(before, self._read(self._worktree.branch, name))
        return TextChange(path.as_uri(), path, before, edits)

    def _read(self, revision: str, name: str) -> str:
        """Return the text of a file in a revision, with the line endings that it has in a working tree.

        Raises:
            GitFailed, MergeFailed: as `propose_merge`.
        """
        raw = run_git(self._top, *self._unfiltered, "cat-file", "--filters", f"{revision}:{name}")
        data = raw.encode("utf-8", "surrogateescape")
        if len(data) > contents.LARGEST:
            raise MergeFailed(f"{name} is larger than {contents.LARGEST:,} bytes; {self._by_hand}.")
        try:
            return contents.decode(data, self._top / name, executable=False).text
        except OSError as error:
            raise MergeFailed(f"{name} cannot be read as text ({error.strerror}); {self._by_hand}.") from error
