"""`starling.review`: a report on a document, files or the workspace: score, findings and recommendations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator
from pygls.exceptions import JsonRpcInvalidParams

from agents.findings import QUICK
from agents.reviewer import reporting
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.targets import FindingFacts, Target
from server.lsp.session.reviews import list_available_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.reviewer.reporting import FullReport
    from agents.reviewer.reviewer import Reviewer
    from server.assembly.core import Core
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

MOST_MISSED = 20  # most left-out files that are explained
MOST_FINDINGS = 1000
MOST_FUNCTIONS = 50
NO_REVIEWER = "the reviewer could not be built; `starling.health` says why"


class Arguments(CommandRecord):
    """The subject of the report: a document, or files and folders; without either the first workspace folder."""

    uri: str | None = Field(
        default=None, max_length=10_000, description="An open document, or a file of the workspace."
    )
    paths: list[str] | None = Field(
        default=None,
        max_length=10_000,
        description="Or saved files and folders of the workspace; absolute, or relative to its first folder.",
    )
    deep: bool = Field(
        default=False, description="With `uri`: also run the layers that ask a model, if the settings enable them."
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        """Raise ValueError for both `uri` and `paths`, or `deep` without `uri`."""
        if self.uri is not None and self.paths is not None:
            raise ValueError("give `uri` or `paths`, not both")
        if self.deep and self.uri is None:
            raise ValueError("`deep` goes with `uri`")
        return self


class PartFacts(CommandRecord):
    """One part of the score."""

    name: str = Field(description='"findings", "complexity", "tests", "documentation", "pep8" or "style".')
    score: float | None = Field(description="0 to 100; null if it could not be measured.")
    weight: int = Field(description="Its weight in the score; parts without a score do not count.")
    how: str = Field(description="What was counted and how the score is computed, or why there is none.")


class FunctionFigures(CommandRecord):
    """The figures of one function."""

    uri: str = Field(description="URI of the function's file.")
    name: str = Field(description='The name, "" for an anonymous function.')
    line: int = Field(description="First line, from 0.")
    lines: int = Field(description="Lines of code.")
    cyclomatic: int = Field(description="McCabe's complexity.")
    cognitive: int = Field(description="SonarSource's complexity.")
    nesting: int = Field(description="Levels of nested statements.")


class LocatedFinding(FindingFacts):
    """A finding with the URI of its file."""

    uri: str


class Result(CommandRecord):
    """The report."""

    score: float | None = Field(description="0 to 100: the weighted mean of the parts that have a score.")
    parts: tuple[PartFacts, ...]
    files: int = Field(description="Number of reviewed files.")
    lines: int = Field(description="Lines of code in them.")
    counts: dict[Literal["error", "warning", "information", "hint"], int] = Field(description="Findings by severity.")
    functions: tuple[FunctionFigures, ...] = Field(description="The most complex ones, at most 50.")
    recommendations: tuple[str, ...] = Field(description="Recommended next steps, most useful first.")
    findings: tuple[LocatedFinding, ...] = Field(description="By file and place, at most 1,000.")
    coverage: str = Field(description='File of the coverage data, "" for none.')
    problem: str = Field(description='Why the report is incomplete, "" if it is complete.')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Review the document or the files and return the report.

    Raises:
        JsonRpcInvalidParams: there is no such document, file or folder in the workspace, or no reviewer.
    """
    core = await targets.wait_for_core(services)
    reviewer = core.reviewer
    if reviewer is None:
        raise JsonRpcInvalidParams(NO_REVIEWER)
    async with services.jobs.run("Reviewing", snapshot.token) as job:
        if arguments.uri is not None:
            document = await targets.find_document(snapshot, services, core, Target(uri=arguments.uri))
            layers = list_available_layers(core) if arguments.deep else QUICK
            folder = targets.find_root(snapshot, document.path)
            on_text = partial(
                reporting.report_on_text, reviewer, document.record, folder, layers=layers, cancelled=job.is_cancelled
            )
            look = partial(_review_with_problem, on_text, partial(targets.explain_left_out, core, document))
        else:
            look = partial(_review_files, snapshot, core, reviewer, arguments.paths, job.is_cancelled)
        whole = await job.run_blocking(look)
        return await job.run_blocking(partial(_build_result, whole, snapshot.encoding))


def _review_files(
    snapshot: Snapshot,
    core: Core,
    reviewer: Reviewer,
    paths: Sequence[str] | None,
    cancelled: Callable[[], bool],
) -> FullReport:
    """Review the files at `paths`, or those of the first workspace folder. Call it in a thread.

    Raises:
        JsonRpcInvalidParams: no folder is open, or a path does not exist or is outside of the workspace.
    """
    if not snapshot.roots:
        raise JsonRpcInvalidParams("no workspace folder is open; name an open document by `uri`")
    documents, missed = targets.read_documents(snapshot, core, paths if paths is not None else (".",), cancelled)
    folder: Path = snapshot.roots[0]
    on_files = partial(reporting.report_on_files, reviewer, documents, folder, cancelled=cancelled)
    return _review_with_problem(on_files, lambda: " ".join(missed[:MOST_MISSED]))


def _review_with_problem(look: Callable[[], FullReport], left_out: Callable[[], str]) -> FullReport:
    """Run the review `look` and return its report; the problem in it also has the message of `left_out`.

    `left_out` returns a message about files that are not reviewed, "" for none.
    """
    whole = look()
    problem = " ".join(filter(None, (whole.problem, left_out())))
    return replace(whole, problem=problem)


def _build_result(whole: FullReport, encoding: str) -> Result:
    """Return the report as the command's result, with up to `MOST_FUNCTIONS` functions and `MOST_FINDINGS` findings."""
    report = whole.report
    return Result(
        score=report.score,
        parts=tuple(PartFacts(name=one.name, score=one.score, weight=one.weight, how=one.how) for one in report.parts),
        files=report.files,
        lines=report.lines,
        counts={severity.value: count for severity, count in report.counts.items()},
        functions=tuple(
            FunctionFigures(
                uri=uri,
                name=one.name,
                line=one.first_line,
                lines=one.lines,
                cyclomatic=one.cyclomatic,
                cognitive=one.cognitive,
                nesting=one.nesting,
            )
            for uri, one in report.functions[:MOST_FUNCTIONS]
        ),
        recommendations=report.recommendations,
        findings=tuple(_describe_findings(whole, encoding))[:MOST_FINDINGS],
        coverage=str(whole.source or ""),
        problem=whole.problem,
    )


def _describe_findings(whole: FullReport, encoding: str) -> list[LocatedFinding]:
    """Return the findings of all files, sorted by URI; stops after the file that reaches `MOST_FINDINGS`."""
    found: list[LocatedFinding] = []
    for each in sorted(whole.reviewed, key=lambda one: one.document.uri):
        if len(found) >= MOST_FINDINGS:
            break
        document: OpenText = targets.make_open_text(each.document)
        facts = targets.describe_findings(each.findings, document, encoding)
        found += [LocatedFinding(uri=document.uri, **dict(one)) for one in facts]
    return found
