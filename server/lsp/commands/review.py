"""`starling.review`: the report on a document, files or the workspace: a score with its parts, findings, next steps."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator
from pygls.exceptions import JsonRpcInvalidParams

from agents.reviewer import reporting
from agents.reviewer.layers import QUICK
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.targets import FindingFacts, Target
from server.lsp.session.reviews import layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.reviewer.reporting import Whole
    from agents.reviewer.reviewer import Reviewer
    from server.assembly.core import Core
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

MOST_MISSED = 20  # files whose absence is explained
MOST_FINDINGS = 1000
MOST_FUNCTIONS = 50
NO_REVIEWER = "the reviewer could not be built; `starling.health` says why"


class Arguments(CommandRecord):
    """What is reported on: one document, some files and folders, or, with neither, the first workspace folder."""

    uri: str | None = Field(
        default=None, max_length=10_000, description="A document: open, or a file of the workspace."
    )
    paths: list[str] | None = Field(
        default=None,
        max_length=10_000,
        description="Or files and folders of the workspace, as saved; absolute, or relative to its first folder.",
    )
    deep: bool = Field(default=False, description="With `uri`: let models look too, where the settings want them.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.uri is not None and self.paths is not None:
            raise ValueError("give `uri` or `paths`, not both")
        if self.deep and self.uri is None:
            raise ValueError("`deep` goes with `uri`")
        return self


class PartFacts(CommandRecord):
    """One part of the score."""

    name: str = Field(description='"findings", "complexity", "tests", "documentation", "pep8" or "style".')
    score: float | None = Field(description="0 to 100; null where it could not be measured.")
    weight: int = Field(description="Its share of the whole, before parts without a score are left out.")
    how: str = Field(description="What was counted and how the score follows, or why there is none.")


class Complex(CommandRecord):
    """A function in figures."""

    uri: str = Field(description="Its file.")
    name: str = Field(description='As it is written, "" for none.')
    line: int = Field(description="Where it begins, from 0.")
    lines: int = Field(description="Lines of code.")
    cyclomatic: int = Field(description="McCabe's complexity.")
    cognitive: int = Field(description="SonarSource's complexity.")
    nesting: int = Field(description="Levels of nested statements.")


class Found(FindingFacts):
    """A finding with its file."""

    uri: str


class Result(CommandRecord):
    """The report."""

    score: float | None = Field(description="0 to 100: the weighted mean of the parts that have a score.")
    parts: tuple[PartFacts, ...]
    files: int = Field(description="How many were looked at.")
    lines: int = Field(description="Lines of code in them.")
    counts: dict[Literal["error", "warning", "information", "hint"], int] = Field(description="Findings by severity.")
    functions: tuple[Complex, ...] = Field(description="The most complex ones, at most 50.")
    recommendations: tuple[str, ...] = Field(description="What to do next, the most useful first.")
    findings: tuple[Found, ...] = Field(description="By file and place, at most 1,000.")
    coverage: str = Field(description='File that the coverage was read from, "" for none.')
    problem: str = Field(description='Why the report says less than it should, "" for nothing.')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Report."""
    core = await targets.core_of(services)
    reviewer = core.reviewer
    if reviewer is None:
        raise JsonRpcInvalidParams(NO_REVIEWER)
    async with services.jobs.run("Reviewing", snapshot.token) as work:
        if arguments.uri is not None:
            document = await targets.document_of(snapshot, services, core, Target(uri=arguments.uri))
            layers = layers_of(core) if arguments.deep else QUICK
            folder = targets.root_of(snapshot, document.path)
            on_text = partial(
                reporting.on_text, reviewer, document.record, folder, layers=layers, cancelled=work.is_cancelled
            )
            look = partial(_saying, on_text, partial(targets.left_out_of, core, document))
        else:
            look = partial(_on_files, snapshot, core, reviewer, arguments.paths, work.is_cancelled)
        whole = await work.run_blocking(look)
        return await work.run_blocking(partial(_result, whole, snapshot.encoding))


def _on_files(
    snapshot: Snapshot,
    core: Core,
    reviewer: Reviewer,
    paths: Sequence[str] | None,
    cancelled: Callable[[], bool],
) -> Whole:
    if not snapshot.roots:
        raise JsonRpcInvalidParams("no workspace folder is open; name an open document by `uri`")
    documents, missed = targets.documents_of(snapshot, core, paths if paths is not None else (".",), cancelled)
    folder: Path = snapshot.roots[0]
    on_files = partial(reporting.on_files, reviewer, documents, folder, cancelled=cancelled)
    return _saying(on_files, lambda: " ".join(missed[:MOST_MISSED]))


def _saying(look: Callable[[], Whole], left_out: Callable[[], str]) -> Whole:
    """Look, and add why something that was asked for is left out."""
    whole = look()
    problem = " ".join(filter(None, (whole.problem, left_out())))
    return replace(whole, problem=problem)


def _result(whole: Whole, encoding: str) -> Result:
    report = whole.report
    return Result(
        score=report.score,
        parts=tuple(PartFacts(name=one.name, score=one.score, weight=one.weight, how=one.how) for one in report.parts),
        files=report.files,
        lines=report.lines,
        counts={severity.value: count for severity, count in report.counts.items()},
        functions=tuple(
            Complex(
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
        findings=tuple(_found(whole, encoding))[:MOST_FINDINGS],
        coverage=str(whole.source or ""),
        problem=whole.problem,
    )


def _found(whole: Whole, encoding: str) -> list[Found]:
    found: list[Found] = []
    for each in sorted(whole.reviewed, key=lambda one: one.document.uri):
        if len(found) >= MOST_FINDINGS:
            break
        document: OpenText = targets.text_of(each.document)
        facts = targets.facts_of(each.findings, document, encoding)
        found += [Found(uri=document.uri, **dict(one)) for one in facts]
    return found
