"""Measurement of next edits on git histories: after one hunk of a commit, are its other hunks of that kind proposed?

`python -m tests.eval.next_edits --test CLONE... [--dev CLONE...]` writes `next_edits.csv`; a clone is a folder with a
git repository, bare or not. The first hunk of each group (`tests.eval.commit_hunks`) is given as the person's edit, and
the files of the commit are open. Then each proposal that brings the texts nearer to those of the commit is taken, and
any other one is rejected, until there is none. Commits with a single hunk show what is proposed where nothing follows.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from agents.completion.statistics import compute_percentile
from agents.next_edit.changed_tokens import split_tokens
from agents.next_edit.history import EditHistory
from agents.next_edit.next_editor import NextEditor
from agents.next_edit.next_edits import Kind
from indexing.syntax.documents import Document
from indexing.syntax.trees import SyntaxTrees
from tests.eval import tables
from tests.eval.commit_hunks import Commit, Group, Hunk, group_hunks, read_commits, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.next_edit.next_edits import Candidate
    from tests.eval.tables import Cell

TABLE = "next_edits.csv"
COMMITS = 500  # newest commits of a package that are read
GROUPS = 3  # of a commit
EXPECTED = 20  # hunks of a group, after which it is cut
PROPOSALS = 60  # of a group
WRONG = 5  # after which a person would stop looking
SINGLE = 500  # commits with one hunk, over all packages of a split


@dataclass
class Result:
    """The proposals after one given hunk.

    Attributes:
        package: the package.
        kind: the kind of the group; "single" for a commit with one hunk.
        expected: number of other hunks of the group.
        proposed: number of these that a right proposal changed.
        complete: number of these that proposals brought to their text in the commit.
        right: right proposals, by rule.
        wrong: wrong ones, by rule.
        times: milliseconds of processor time of each request, which other work on the machine does not change.
        notes: a line for each proposal, for a person who reads them.
    """

    package: str
    kind: str
    expected: int = 0
    proposed: int = 0
    complete: int = 0
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Replay:
    """Open documents of a commit, in which one hunk was applied by a person."""

    def __init__(self, commit: Commit, first: Hunk) -> None:
        self.commit = commit
        self.texts = dict(commit.before)
        self.path = first.path
        self.history = EditHistory()
        self.editor = NextEditor(SyntaxTrees())
        self.version = 1
        for document in self._list_documents():  # they were opened before
            self.editor.prepare(document)
        old, new = split_lines(commit.before[first.path]), split_lines(commit.after[first.path])
        self.replace("".join([*old[: first.start], *new[first.new_start : first.new_end], *old[first.end :]]))

    def replace(self, text: str, offset: int | None = None) -> None:
        """Make `text` that of the current document, as the person's edit; the cursor is after it."""
        before = self.texts[self.path]
        self.history.note_change(self.path, before, text)
        self.texts[self.path] = text
        self.version += 1
        newest = self.history.list_recent(1e9)
        self.offset = offset if offset is not None else newest[0].end if newest else 0

    def propose(self, result: Result) -> tuple[str, Candidate] | None:
        """Return the id and the next edit, and note the time; None for none."""
        here, *others = sorted(self._list_documents(), key=lambda one: one.uri != self.path)
        begun = time.thread_time()
        edit = self.editor.propose(
            here, self.offset, edits=self.history.list_recent(1e9), undone=self.history.list_undone(), others=others
        )
        result.times.append((time.thread_time() - begun) * 1000)
        return None if edit is None else (edit.id, edit.candidate)

    def run(self, result: Result, expected: Sequence[Hunk]) -> Result:
        """Take right proposals and reject wrong ones until there is none; note which of `expected` they change."""
        touched: set[Hunk] = set()
        for _ in range(PROPOSALS):
            found = self.propose(result)
            if found is None or sum(result.wrong.values()) >= WRONG:
                break
            name, one = found
            text = self.texts[one.uri]
            after = text[: one.start] + one.text + text[one.end :]
            lines = judge(text, after, self.commit.after[one.uri], one)
            self.editor.record_outcome(name, accepted=lines is not None)
            result.notes.append(("wrong " if lines is None else "right ") + describe(self.commit, text, one))
            if lines is None:
                result.wrong[one.kind.value] += 1
                continue
            result.right[one.kind.value] += 1
            touched |= {hunk for hunk in self.commit.hunks if hunk.path == one.uri and meets(hunk, lines)}
            self.path = one.uri
            self.replace(after, one.start + len(one.text))
        result.expected = len(expected)
        result.proposed = sum(hunk in touched for hunk in expected)
        result.complete = sum(hunk in touched and self._is_complete(hunk) for hunk in expected)
        return result

    def _is_complete(self, hunk: Hunk) -> bool:
        """Return whether the text has the lines of `hunk` as the commit has them."""
        ours, theirs = split_lines(self.texts[hunk.path]), split_lines(self.commit.after[hunk.path])
        return not any(
            start < max(hunk.new_end, hunk.new_start + 1) and hunk.new_start < max(end, start + 1)
            for _, _, start, end in list_differences(ours, theirs)
        )

    def _list_documents(self) -> list[Document]:
        """Return the open documents."""
        return [Document(path, Path("/w") / path, "python", text, self.version) for path, text in self.texts.items()]


def list_differences(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the differing parts of two sequences, as indexes into both."""
    low = 0
    most = min(len(one), len(other))
    while low < most and one[low] == other[low]:
        low += 1
    high = 0
    while high < most - low and one[len(one) - 1 - high] == other[len(other) - 1 - high]:
        high += 1
    matcher = SequenceMatcher(None, one[low : len(one) - high], other[low : len(other) - high], autojunk=False)
    for action, first, last, start, end in matcher.get_opcodes():
        if action != "equal":
            yield first + low, last + low, start + low, end + low


def measure_distance(text: str, target: str) -> int:
    """Return the number of tokens to delete or insert to get from `text` to `target`, as far as its lines differ."""
    ours, theirs = split_lines(text), split_lines(target)
    total = 0
    for first, last, start, end in list_differences(ours, theirs):
        old, new = (
            [one.text for one in split_tokens(part, 0, len(part))]
            for part in ("".join(ours[first:last]), "".join(theirs[start:end]))
        )
        total += sum(low[1] - low[0] + low[3] - low[2] for low in list_differences(old, new))
    return total


def judge(text: str, after: str, target: str, one: Candidate) -> tuple[int, int] | None:
    """Return the lines of `target` that a right proposal led to; None for a wrong proposal.

    A proposal is right if its lines are then those of `target`, or if all that it changed is nearer to `target`.
    """
    if one.kind is Kind.IMPORT and one.text.strip() and _has_line(target, one.text) and not _has_line(text, one.text):
        at = target.count("\n", 0, target.index(one.text.strip()))
        return at, at + 1  # among the imports of a file, the place is a matter of style
    gained = measure_distance(text, target) - measure_distance(after, target)
    first = after.count("\n", 0, one.start)
    last = after.count("\n", 0, one.start + len(one.text)) + bool(one.text.strip("\n"))
    shift, near = 0, []
    for start, end, new_start, new_end in list_differences(split_lines(after), split_lines(target)):
        if (start < last and first < end) or (start == end and first <= start <= last):
            near.append((new_start, new_end))
        elif end <= first:
            shift = new_end - end
    if gained <= 0 or (near and gained < measure_distance(text, after)):
        return None
    return (min(start for start, _ in near), max(end for _, end in near)) if near else (first + shift, last + shift)


def _has_line(text: str, line: str) -> bool:
    """Return whether `text` has a line with the words of `line`."""
    return f"\n{line.strip()}\n" in f"\n{text}"


def meets(hunk: Hunk, lines: tuple[int, int]) -> bool:
    """Return whether `hunk` changes some of the given lines of the text after it, or removes text beside them."""
    if hunk.new_start == hunk.new_end or lines[0] == lines[1]:
        return hunk.new_start <= lines[1] and lines[0] <= hunk.new_end
    return hunk.new_start < lines[1] and lines[0] < hunk.new_end


def describe(commit: Commit, text: str, one: Candidate) -> str:
    """Return a line about a proposal."""
    line = text.count("\n", 0, one.start) + 1
    whole = text[text.rfind("\n", 0, one.start) + 1 : one.end + 30].split("\n", maxsplit=1)[0]
    change = f"{text[one.start : one.end]!r} → {one.text!r}"
    return f"{commit.name[:10]} {one.uri}:{line} {one.kind} {change} in {whole.strip()!r}"


def replay_group(package: str, group: Group) -> Result:
    """Return what is proposed after the first hunk of `group`."""
    first, *others = group.hunks[: EXPECTED + 1]
    return Replay(group.commit, first).run(Result(package, group.kind), others)


def replay_single(package: str, commit: Commit) -> Result:
    """Return what is proposed after the only hunk of `commit`; all of it is wrong."""
    return Replay(commit, commit.hunks[0]).run(Result(package, "single"), ())


def measure(clones: Sequence[Path], most: int) -> list[Result]:
    """Return the results on all groups of the newest commits of `clones`, and on `SINGLE` commits with one hunk."""
    results, single = [], []
    for clone in clones:
        package = clone.name if clone.name != "repo" else clone.parent.name
        for commit in read_commits(clone, most):
            if len(commit.hunks) == 1:
                single.append((package, commit))
            groups = group_hunks(commit)
            results += [replay_group(package, group) for group in groups[:GROUPS]]
    chosen = random.Random(16).sample(single, min(SINGLE, len(single)))  # noqa: S311 (a sample)
    return results + [replay_single(package, commit) for package, commit in chosen]


def build_rows(split: str, results: Sequence[Result]) -> list[dict[str, Cell]]:
    """Return the rows of one split: a row for each kind of group and rule, all together, and the single hunks."""
    rows = []
    groups = [one for one in results if one.kind != "single"]
    by_kind = defaultdict(list)
    for one in groups:
        by_kind[one.kind].append(one)
    for name, some in (("all", groups), *sorted(by_kind.items())):
        right, wrong = sum(sum(one.right.values()) for one in some), sum(sum(one.wrong.values()) for one in some)
        rows.append(build_row(split, f"kind {name}", some, right, wrong))
    for rule in sorted({rule for one in groups for rule in (*one.right, *one.wrong)}):
        right, wrong = sum(one.right[rule] for one in groups), sum(one.wrong[rule] for one in groups)
        rows.append(build_row(split, f"rule {rule}", [], right, wrong))
    single = [one for one in results if one.kind == "single"]
    rows.append(
        {
            **build_row(split, "single hunks", [], 0, sum(sum(one.wrong.values()) for one in single)),
            "commits": len(single),
            "commits_with_a_proposal": sum(bool(one.wrong) for one in single),
            **tables.format_wilson("proposed_in", [bool(one.wrong) for one in single]),
        }
    )
    times = sorted(milliseconds for one in results for milliseconds in one.times)
    for row in rows:
        row |= {f"cpu_ms_p{share}": round(compute_percentile(times, share / 100), 1) for share in (50, 95, 99)}
    return rows


def build_row(split: str, name: str, some: Sequence[Result], right: int, wrong: int) -> dict[str, Cell]:
    """Return one row of the table, without times."""
    expected, proposed = sum(one.expected for one in some), sum(one.proposed for one in some)
    complete = sum(one.complete for one in some)
    return {
        "split": split,
        "what": name,
        "groups": len(some),
        "hunks": expected,
        **tables.format_wilson("proposed_share", [True] * proposed + [False] * (expected - proposed)),
        "complete_share": round(complete / expected, 3) if expected else "",
        "proposals": right + wrong,
        **tables.format_wilson("precision", [True] * right + [False] * wrong),
        "commits": "",
        "commits_with_a_proposal": "",
        **tables.format_wilson("proposed_in", []),
    }


def main() -> None:
    """Measure the clones that the command line names, print the rows, and write the table if both splits are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", nargs="*", type=Path, default=[], help="clones on which the rules were tuned")
    parser.add_argument("--test", nargs="*", type=Path, default=[], help="the other clones")
    parser.add_argument("--commits", type=int, default=COMMITS)
    parser.add_argument("--proposals", action="store_true", help="print each proposal")
    given = parser.parse_args()
    rows = []
    for split, clones in (("dev", given.dev), ("test", given.test)):
        if clones:
            results = measure(clones, given.commits)
            rows += build_rows(split, results)
            for one in results if given.proposals else ():
                for note in one.notes:
                    print(one.package, one.kind, note)
    for row in rows:
        print({name: cell for name, cell in row.items() if cell != ""})
    if given.dev and given.test:
        tables.write_table(TABLE, rows)


if __name__ == "__main__":
    main()
