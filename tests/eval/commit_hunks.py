"""Hunks of the commits of a git repository, and which hunks of a commit are of one kind. Start at `read_commits`."""

from __future__ import annotations

import keyword
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from agents.next_edit.changed_tokens import split_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_FILES = 16  # a commit with more changed files is left out
MOST_HUNKS = 120  # of a commit
LARGEST = 200_000  # characters of a file
TOKENS = 300  # of a hunk; the changes of larger ones are not compared
SIGNATURE = re.compile(r"\bdef\s+(\w+)\s*\(")
HEADER = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")

Change = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Hunk:
    """Adjacent changed lines.

    Attributes:
        path: the file.
        start: first replaced line of the text before, from 0.
        end: the line after the last one.
        new_start: first line of the text after that replaces them, from 0.
        new_end: the line after the last one.
        changes: the tokens that were replaced, and by which.
    """

    path: str
    start: int
    end: int
    new_start: int
    new_end: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Commit:
    """A commit that changes Python files only in their texts: its hunks in order, and the texts before and after."""

    name: str
    hunks: tuple[Hunk, ...]
    before: dict[str, str]
    after: dict[str, str]


@dataclass(frozen=True)
class Group:
    """Hunks of one kind in a commit, in order. `kind` is "rename", "signature", "import" or "repeat"."""

    kind: str
    commit: Commit
    hunks: tuple[Hunk, ...]


def read_commits(repository: Path, most: int) -> Iterator[Commit]:
    """Yield the newest `most` commits that change at least one Python file, without merges, newest first."""
    form = ["--raw", "-p", "-U0", "--no-renames", "--no-prefix", "--abbrev=40", "--format=%x00%H"]
    asked = ["git", "-C", str(repository), "log", "--no-merges", f"-n{most}", *form, "--", "*.py"]
    log = subprocess.run(asked, check=True, capture_output=True).stdout
    blobs = Blobs(repository)
    for record in log.split(b"\0")[1:]:
        commit = _make_commit(blobs, record)
        if commit is not None:
            yield commit
    blobs.close()


def split_lines(text: str) -> list[str]:
    """Return the lines of `text` with their ends, as git counts them."""
    return (
        text.splitlines(keepends=True)
        if "\r" not in text and "\f" not in text
        else re.findall(r"[^\n]*\n|[^\n]+", text)
    )


def group_hunks(commit: Commit, least: int = 3) -> list[Group]:
    """Return the groups of at least `least` hunks of `commit` in which the same tokens became the same others.

    Only replacements that contain a word count: punctuation alone is formatting. A function whose parameters change
    and its changed calls are a group as well. Each hunk is in one group of a kind at most.
    """
    by_change: dict[Change, list[Hunk]] = defaultdict(list)
    for hunk in commit.hunks:
        for change in dict.fromkeys(hunk.changes):
            if any(word.isidentifier() for side in change for word in side):
                by_change[change].append(hunk)
    groups, seen = [], set()
    for change, hunks in sorted(by_change.items(), key=lambda item: -len(item[1])):
        own = [hunk for hunk in hunks if hunk not in seen]
        if len(own) >= least:
            seen.update(own)
            groups.append(Group(_name_kind(change), commit, tuple(own)))
    return groups + list(_group_calls(commit, least))


def find_changes(old: str, new: str) -> tuple[Change, ...]:
    """Return the tokens that differ between two texts; () for texts that are too long to be compared."""
    before = [one.text for one in split_tokens(old, 0, len(old))]
    after = [one.text for one in split_tokens(new, 0, len(new))]
    if max(len(before), len(after)) > TOKENS:
        return ()
    opcodes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return tuple(
        (tuple(before[first:last]), tuple(after[start:end]))
        for action, first, last, start, end in opcodes
        if action != "equal"
    )


def _name_kind(change: Change) -> str:
    """Return the kind of hunks that share `change`."""
    old, new = change
    names = len(old) == len(new) == 1 and all(one.isidentifier() and not keyword.iskeyword(one) for one in (*old, *new))
    return "rename" if names else "repeat"


def _group_calls(commit: Commit, least: int) -> Iterator[Group]:
    """Yield a group for each function whose parameters change: the hunk of its head, then those of its calls."""
    for head in commit.hunks:
        old = "".join(split_lines(commit.before[head.path])[head.start : head.end])
        new = "".join(split_lines(commit.after[head.path])[head.new_start : head.new_end])
        for name in set(SIGNATURE.findall(old)) & set(SIGNATURE.findall(new)):
            calls = [hunk for hunk in commit.hunks if hunk != head and _has_call(commit, hunk, name)]
            if 1 + len(calls) >= least:
                yield Group("signature", commit, (head, *calls))


def _has_call(commit: Commit, hunk: Hunk, name: str) -> bool:
    """Return whether `hunk` changes lines that call `name` before and after, and do not define it."""
    call = re.compile(rf"(?<!def )\b{re.escape(name)}\s*\(")
    old = "".join(split_lines(commit.before[hunk.path])[hunk.start : hunk.end])
    new = "".join(split_lines(commit.after[hunk.path])[hunk.new_start : hunk.new_end])
    return bool(call.search(old) and call.search(new)) and f"def {name}" not in old


def _make_commit(blobs: Blobs, record: bytes) -> Commit | None:
    """Return the commit in a `record` of git's log, None if it moves or adds files only, or is too large."""
    name, _, rest = record.partition(b"\n")
    entries = [line.split(None, 5) for line in rest.split(b"\n") if line.startswith(b":")]
    changed = [(one[2], one[3], one[5].decode(errors="replace")) for one in entries if one[4] == b"M"]
    if not changed or len(changed) > MOST_FILES:
        return None
    places = [(path, place) for path, place in _list_places(rest) if path in {one[2] for one in changed}]
    if not 0 < len(places) <= MOST_HUNKS:
        return None
    before = {path: blobs.read(old) for old, _, path in changed}
    after = {path: blobs.read(new) for _, new, path in changed}
    if any(len(text) > LARGEST or "\r" in text for text in (*before.values(), *after.values())):
        return None
    return Commit(name.decode(), tuple(_make_hunk(path, place, before, after) for path, place in places), before, after)


def _list_places(diff: bytes) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Yield the file and the line numbers of each hunk in the output of git."""
    path = ""
    for line in diff.split(b"\n"):
        if line.startswith(b"+++ "):
            path = line[4:].decode(errors="replace").strip()
        elif found := HEADER.match(line):
            old, old_count, new, new_count = (int(one) if one is not None else 1 for one in found.groups())
            start, new_start = old - (old_count > 0), new - (new_count > 0)  # an empty side names the line before it
            yield path, (start, start + old_count, new_start, new_start + new_count)


def _make_hunk(path: str, place: tuple[int, int, int, int], before: dict[str, str], after: dict[str, str]) -> Hunk:
    """Return the hunk at `place` with the tokens that it changes."""
    start, end, new_start, new_end = place
    old = "".join(split_lines(before[path])[start:end])
    new = "".join(split_lines(after[path])[new_start:new_end])
    return Hunk(path, start, end, new_start, new_end, find_changes(old, new))


class Blobs:
    """Reads stored files of a repository through one process of git."""

    def __init__(self, repository: Path) -> None:
        self._git = subprocess.Popen(
            ["git", "-C", str(repository), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self, name: bytes) -> str:
        """Return the text of the stored file `name`."""
        assert self._git.stdin is not None
        assert self._git.stdout is not None
        self._git.stdin.write(name + b"\n")
        self._git.stdin.flush()
        size = int(self._git.stdout.readline().split()[2])
        data = self._git.stdout.read(size)
        self._git.stdout.read(1)
        return data.decode(errors="replace")

    def close(self) -> None:
        """End the process."""
        self._git.communicate()
