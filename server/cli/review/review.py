"""`starling review`: reviews files and folders with the static layer, for people and for CI.

Uses no model, no index and no network; only `--fix` writes, through the gate. Start at `review`.
"""

from __future__ import annotations

import asyncio
import bisect
import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.edits import ProposedEdit, TextChange
from agents.findings import Severity
from indexing.syntax import texts
from indexing.workspace import left_out
from indexing.workspace.walk import WalkCounts
from server.cli import arguments, terminal, terminal_asker
from server.cli.review import changed_lines, findings
from server.cli.review.findings import LocatedFinding, Outcome
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from agents.findings import Finding
    from agents.reviewer.reviewer import Reviewer
    from agents.reviewer.scoring import FileReview, Report
    from indexing.limits import IndexLimits
    from indexing.syntax.documents import Document, Span
    from server.assembly.settings import Settings

BATCH_CHARACTERS = 50_000_000  # of texts in memory at once
ORDER = (Severity.HINT, Severity.INFORMATION, Severity.WARNING, Severity.ERROR)


class Format(StrEnum):
    """A format of the output."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class Level(StrEnum):
    """The least severity of a finding with which the command fails."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"
    NEVER = "never"


def review(  # noqa: PLR0913 (each is an option)
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATHS", help="Files and folders.", show_default="this folder")
    ] = None,
    *,
    as_format: Annotated[
        Format,
        typer.Option(
            "--format", metavar="FORMAT", help="How findings are written on stdout: text, json, sarif or github."
        ),
    ] = Format.TEXT,
    fail_on: Annotated[
        Level,
        typer.Option(
            "--fail-on",
            metavar="LEVEL",
            help="The least severe finding with which the status is 1: error, warning, information, hint or never.",
        ),
    ] = Level.WARNING,
    diff: Annotated[
        str | None, typer.Option("--diff", metavar="REV", help="Only lines that changed since that revision of git.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Add the report: a score with its parts, and what to do next.")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Apply all safe fixes, after a question.")] = False,
    yes: terminal_asker.Yes = None,
) -> int:
    """Review files and folders. The status is 1 if a finding is at least as severe as --fail-on says."""
    given = [Path(path) for path in paths or [Path()]]
    root, *_ = [arguments.find_workspace(path, writes=fix) for path in given]
    changed = changed_lines.find_changed_lines(diff, root) if diff is not None else None
    job = _Job.of(root, changed, reporting=report)
    try:
        outcome = job.run(given)
        if fix and job.fixable:
            job.fix(yes or [])
            outcome = job.run(given)
    finally:
        job.reviewer.close()
    for problem in filter(None, (outcome.problem, *outcome.left_out)):
        terminal.note(problem)
    findings.FORMATS[as_format](outcome)
    least = ORDER.index(Severity(fail_on.value)) if fail_on is not Level.NEVER else len(ORDER)
    return int(any(ORDER.index(one.finding.severity) >= least for one in outcome.found))


@dataclass
class _Job:
    """One run of `starling review`; `changed` is None without `--diff`, `fixable` are files with safe fixes."""

    root: Path
    settings: Settings
    reviewer: Reviewer
    limits: IndexLimits
    changed: dict[Path, list[range]] | None
    reporting: bool
    fixable: list[tuple[Document, tuple[Finding, ...]]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # for each named file that is left out a sentence with the reason

    @classmethod
    def of(cls, root: Path, changed: dict[Path, list[range]] | None, *, reporting: bool) -> _Job:
        """Return a job for the workspace `root` with its settings; write problems of the settings to stderr.

        Args:
            root: the workspace folder.
            changed: the lines to which findings are limited, by file; None for no limit.
            reporting: whether the outcome gets a report.
        """
        from agents.reviewer.reviewer import Reviewer  # noqa: PLC0415 (pydantic and tree-sitter, as below)
        from indexing.limits import IndexLimits  # noqa: PLC0415
        from server.assembly import policies, settings  # noqa: PLC0415 (170 ms, which `--help` saves)

        resolved, problems = settings.resolve(roots=[root])
        for problem in problems:
            terminal.note(str(problem))
        # an editor's review stops at `max_files`; a person who runs the command waits for all files
        limits = replace(policies.build_review_limits(resolved), max_files=IndexLimits().max_files)
        reviewer = Reviewer(policies.build_review_policy(resolved), roots=lambda: [root])
        return cls(root, resolved, reviewer, limits, changed, reporting)

    def run(self, given: Sequence[Path]) -> Outcome:
        """Review the files and folders `given` and return the result; also sets `fixable` and `left_out`."""
        walk, read, found = WalkCounts(), 0, []
        reviewed: list[FileReview] = []
        self.fixable, self.left_out = [], []
        for batch in self._read_batches(given, walk):
            read += len(batch)
            for document, each in self._review_batch(batch, reviewed):
                located = self._locate(document, each)
                found += located
                if any(one.finding.fix is not None and one.finding.fix.safe for one in located):
                    self.fixable.append((document, tuple(one.finding for one in located)))
        found.sort(key=lambda one: (one.place.file, one.place.line, one.place.column, one.finding.code))
        report = self._build_report(reviewed) if self.reporting else None
        skipped = dict(sorted(walk.skipped.items()))
        if not read and skipped and not self.left_out and self.changed is None:
            self.left_out.append(_explain_empty(skipped))
        return Outcome(found, read, skipped, self.reviewer.problem, report, tuple(self.left_out))

    def _review_batch(
        self, batch: list[Document], reviewed: list[FileReview]
    ) -> Iterator[tuple[Document, tuple[Finding, ...]]]:
        """Yield each document of a batch with its findings; if there will be a report, add its review to `reviewed`."""
        if not self.reporting:
            yield from self.reviewer.review_files(batch)
            return
        from agents.reviewer import assessment  # noqa: PLC0415 (only for a report)

        for one in assessment.assess_files(self.reviewer, batch):
            reviewed.append(one)
            yield one.document, one.findings

    def _build_report(self, reviewed: list[FileReview]) -> Report:
        """Return the report on the files in `reviewed`; write a problem that is not the reviewer's own to stderr."""
        from agents.reviewer import reporting  # noqa: PLC0415 (only for a report)

        whole = reporting.report_on_reviews(self.reviewer, tuple(reviewed), self.root)
        if whole.problem and whole.problem != self.reviewer.problem:
            terminal.note(whole.problem)
        return whole.report

    def fix(self, yes: Sequence[terminal_asker.Kind]) -> None:
        """Propose all safe fixes as one edit; apply it if `yes` or the person at the terminal approves.

        Files that must not be changed are left out, with a note on stderr.
        """
        from agents import actions  # noqa: PLC0415
        from server.assembly.gates import make_disk_gate  # noqa: PLC0415 (SQLite, only for writing)

        changes = tuple(
            TextChange(document.uri, document.path, document.text, edits)
            for document, found in self.fixable
            if (edits := actions.collect_safe_edits(found))
        )
        changes = tuple(change for change in changes if not (change.path and self._is_unfixable(change.path)))
        if not changes:
            return
        count = sum(len(change.edits) for change in changes)
        proposal = ProposedEdit(
            title=f"Fix {terminal.format_count(count, 'finding')} in {terminal.format_count(len(changes), 'file')}",
            why="None of these fixes changes what the program does.",
            by="reviewer",
            changes=changes,
            automatic=True,
        )

        async def propose() -> None:
            """Propose the fixes through a gate of their own, and write the outcome to stderr."""
            gate = make_disk_gate([self.root], terminal_asker.TerminalAsker(yes), self.limits)
            try:
                outcome = await gate.propose(proposal)
            finally:
                await gate.close()
            if outcome.reason:
                terminal.note(outcome.reason)
            if outcome.applied:
                terminal.note(f"Fixed; undo it with: starling undo {outcome.checkpoint}")

        asyncio.run(propose())

    def _is_unfixable(self, path: Path) -> bool:
        """Return whether `path` is write-protected or has a hard link outside of the workspace; if so, write a note."""
        from server.gate.disk import contents, hardlinks  # noqa: PLC0415 (only for writing)

        if contents.is_protected(path):
            terminal.note(f"{_format_path(path)} is write-protected and stays as it is; make it writable to fix it.")
            return True
        if hardlinks.has_names_outside(path, [self.root]):
            terminal.note(
                f"{_format_path(path)} stays as it is: it has another name outside of the workspace (a hard link), "
                "which would change too; copy it to fix it."
            )
            return True
        return False

    def _locate(self, document: Document, found: Sequence[Finding]) -> list[LocatedFinding]:
        """Return the findings of a document with their places; with `--diff` only those on changed lines."""
        assert document.path is not None  # noqa: S101 (all of these are files)
        starts = texts.find_line_starts(document.text)
        shown = _format_path(document.path)
        located = [LocatedFinding.of(finding, shown, starts) for finding in found]
        if self.changed is None:
            return located
        lines = self.changed.get(document.path, [])
        feeds = [
            at for at, character in enumerate(document.text) if character == "\n"
        ]  # git knows no other line ending
        return [one for one in located if any(_overlaps(one.finding.span, feeds, each) for each in lines)]

    def _read_batches(self, given: Sequence[Path], walk: WalkCounts) -> Iterator[list[Document]]:
        """Yield the documents to review in batches of about `BATCH_CHARACTERS`."""
        batch: list[Document] = []
        size = 0
        for document in self._read_documents(given, walk.skipped):
            batch.append(document)
            size += len(document.text)
            if size > BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read_documents(self, given: Sequence[Path], skipped: Counter[str]) -> Iterator[Document]:
        """Yield each file to review once; count excluded and unreadable files in `skipped`, by reason.

        Files that have not changed since the revision of `--diff` are left out without being counted. Explains in
        `left_out` why a file that was named, or that a rule includes, is skipped.
        """
        from agents.reviewer import reviewed_files  # noqa: PLC0415

        seen: set[Path] = set()
        for path, waived in self._find_files(given, WalkCounts(skipped)):
            if path in seen or (self.changed is not None and path not in self.changed):
                continue
            seen.add(path)
            document = reviewed_files.read_document(path, self.limits, waived or ())
            if isinstance(document, str):
                skipped[document] += 1
                if waived is not None:
                    self.left_out.append(left_out.explain(path.name, document, _shorten_path(path, self.root)))
            else:
                yield document

    def _find_files(self, given: Sequence[Path], walk: WalkCounts) -> Iterator[tuple[Path, tuple[str, ...] | None]]:
        """Yield the files that `given` names, even ignored ones, and the files not ignored in the folders it names.

        Each file comes with the reasons for exclusion that a rule waives for it: perhaps an empty tuple for a named
        file, but None for a file found in a folder for which no reason is waived.

        Raises:
            Failure: a path does not exist, is neither a file nor a folder, or cannot be read.
        """
        from agents.reviewer import reviewed_files  # noqa: PLC0415
        from indexing.workspace.exclusion import Exclusion  # noqa: PLC0415

        exclusion = Exclusion(self.root, self.limits)
        for path in given:
            real = reviewed_files.resolve_path(path)
            if os.path.isdir(real):  # noqa: PTH112 (False for a name that is too long)
                try:
                    found = reviewed_files.list_files(real, self.limits, seen=walk)
                    yield from ((file, each.waived or None) for file, each in found)
                except OSError as error:
                    raise Failure(f"{path} cannot be read ({error.strerror}); give another folder.") from None
            elif os.path.isfile(real):  # noqa: PTH113 (as above)
                yield real, exclusion.find_waived_reasons_at(real)
            else:
                what = "is neither a file nor a folder" if os.path.lexists(path) else "does not exist"
                raise Failure(f"{path} {what}; give files and folders.")


def _shorten_path(path: Path, root: Path) -> str:
    """Return `path` relative to the workspace; its name alone if it lies outside."""
    real = Path(os.path.realpath(root))
    return path.relative_to(real).as_posix() if path.is_relative_to(real) else path.name


def _explain_empty(skipped: dict[str, int]) -> str:
    """Return a message that no file was reviewed, with the number of skipped files by reason."""
    counts = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items())
    return f"Everything is left out: {counts}; name a file to learn why, and how to include it."


def _overlaps(span: Span, feeds: list[int], lines: range) -> bool:
    """Return whether `span` touches the line numbers `lines` (from 1); `feeds` are the offsets of all line feeds."""
    first, last = (bisect.bisect_left(feeds, at) + 1 for at in (span.start, span.end))
    return first < lines.stop and lines.start <= last


def _format_path(path: Path) -> str:
    """Return `path` relative to the working directory if it lies there, else unchanged."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)
