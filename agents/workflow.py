"""The workflow over tasks and reviewer: generate, test, review, refine while the score rises, then one proposal.

Makes at most three rounds and proposes the best of them, with a test that is run in each round. Records each round with
its cost. Writes nothing and runs nothing itself (`agents.tasks.task.Resources`). Start at `Workflow.run`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.edits import ProposedEdit, TextChange
from agents.metered_model import MeteredModel
from agents.reviewer.assessment import measure_code
from agents.reviewer.ruff import style
from agents.reviewer.scoring import FileReview, build_report
from agents.tasks import refine, running, write_test
from agents.tasks.edit_ranking import find_new_findings
from agents.tasks.proposals import build_edit, summarise_run
from agents.tasks.task import Scene, TestRun
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import Change
    from agents.findings import Finding
    from agents.tasks.task import Resources, Result, Task
    from indexing.syntax.documents import Document

ROUNDS = 3
FAILED_TEST = 10.0  # points of the score that each failed test costs
_FIXED = 3  # findings that one round fixes at most


@dataclass(frozen=True, slots=True)
class Round:
    """The record of one round.

    Attributes:
        number: counted from 1.
        step: "generate" or "refine".
        score: score of the whole document less 10 for each failed test, 0 to 100; None where nothing was rated.
        findings: number of findings that the change brought and that are still there.
        passed: number of tests that passed.
        failed: number of tests that failed.
        tokens: tokens that the completion model read and wrote.
        seconds: duration.
    """

    number: int
    step: str
    score: float | None
    findings: int
    passed: int
    failed: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """The result of a workflow.

    Attributes:
        result: the one proposal, or why there is none.
        rounds: the rounds in order.
        best: number of the round that is proposed, 0 for none.
        tested: the result of the tests, as a sentence; "" where there was nothing to test.
    """

    result: Result
    rounds: tuple[Round, ...] = ()
    best: int = 0
    tested: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    """The document after a round, with its test and its score."""

    document: Document
    findings: tuple[Finding, ...]
    test: tuple[Change, ...] = ()
    run: TestRun | None = None
    score: float | None = None


@dataclass
class Workflow:
    """One run of the workflow; after an error, `rounds` still holds the rounds that were finished."""

    scene: Scene
    resources: Resources
    rounds: list[Round] = field(default_factory=list)

    def run(self, task: Task, most: int = ROUNDS) -> WorkflowResult:
        """Run at most `most` rounds, starting with `task`, and return the best one as a proposal; blocking.

        Ends when no finding is left or the score does not rise. If `task` proposes nothing, or nothing for the scene's
        document, its result is returned and no round is made. The tests run only with a person's permission.

        Raises:
            Cancelled: the request was cancelled.
            models.errors.ModelError: the model is broken or gone.
        """
        meter = MeteredModel(self.resources.model) if self.resources.model is not None else None
        resources = replace(self.resources, model=meter) if meter is not None else self.resources
        begun = time.monotonic()
        first = running.propose(task, self.scene, resources)
        if not isinstance(first, ProposedEdit):
            return WorkflowResult(first)
        document = _apply_proposal(self.scene.document, first)
        if document is None:
            return WorkflowResult(first)  # the proposal changes another file: there is nothing to refine
        before = resources.review(self.scene.document)
        best = self._write_and_run_test(self._review_document(document, before, resources), resources)
        self._record_round("generate", best, meter, begun)
        number = 1
        while len(self.rounds) < most and best.findings:
            begun = time.monotonic()
            better = self._refine(best, before, resources)
            if better is None:
                break
            self._record_round("refine", better, meter, begun)
            if not _is_higher(better.score, best.score):
                break
            best, number = better, len(self.rounds)
        tested = summarise_run(best.run) if best.run is not None else ""
        return WorkflowResult(self._build_proposal(first, best, tested), tuple(self.rounds), number, tested)

    def _review_document(self, document: Document, before: Sequence[Finding], resources: Resources) -> _State:
        """Return the state of `document`: its score, and its findings that `before` does not have."""
        resources.report("reviewing")
        findings = resources.review(document)
        reviewed = FileReview(document, findings, measure_code(document), None, style.count_layout_problems(document))
        return _State(document, find_new_findings(before, findings), score=build_report([reviewed]).score)

    def _write_and_run_test(self, state: _State, resources: Resources) -> _State:
        """Return `state` with a new test of the written code and its result; unchanged where no test is possible."""
        span = Span(self.scene.span.start, self.scene.span.start)
        scene = Scene(state.document, Syntax.of(state.document), span)
        if resources.model is None or write_test.offer(scene) is None:
            return state
        code = self._build_change(state.document)
        ran: list[TestRun] = []

        def run_tests(candidates: Sequence[Sequence[Change]], path: Path) -> Sequence[TestRun]:
            """Run the candidates' tests together with the written code; keep the results in `ran`."""
            runs = resources.run_tests([[code, *one] for one in candidates], path)
            ran.extend(runs)
            return runs

        result = running.propose(write_test.TASK, scene, replace(resources, run_tests=run_tests))
        if not isinstance(result, ProposedEdit) or any(one.path == code.path for one in result.changes):
            return state  # a test in the same file would need a second change of that file
        run = next(
            (one for one in ran if one.green), ran[0] if ran else TestRun(ran=False, output="permission was refused.")
        )
        return self._apply_test_run(replace(state, test=result.changes), run)

    def _apply_test_run(self, state: _State, run: TestRun) -> _State:
        """Return `state` with `run`, and with the score reduced by its failed tests."""
        penalty = FAILED_TEST * run.failed if run.ran else 0.0
        return replace(state, run=run, score=None if state.score is None else max(0.0, state.score - penalty))

    def _refine(self, state: _State, before: Sequence[Finding], resources: Resources) -> _State | None:
        """Return the state after fixing up to 3 findings that the change brought, with its test run again.

        Returns None if no finding could be fixed.
        """
        document = state.document
        for finding in state.findings[:_FIXED]:
            resources.report(f"fixing {finding.code}")
            document = _fix_finding(document, finding, resources) or document
        if document is state.document:
            return None
        refined = replace(self._review_document(document, before, resources), test=state.test)
        return (
            self._apply_test_run(refined, self._rerun_test(refined, state.run, resources))
            if state.run is not None
            else refined
        )

    def _rerun_test(self, state: _State, before: TestRun, resources: Resources) -> TestRun:
        """Return the test's result with the current code; `before` if that did not run, to ask nobody again."""
        path = next((one.path for one in state.test if one.path is not None), None)
        if not before.ran or path is None:
            return before
        resources.report("running the test")
        runs = resources.run_tests([[self._build_change(state.document), *state.test]], path)
        return runs[0] if runs else TestRun(ran=False, output="permission was refused.")

    def _record_round(self, step: str, state: _State, meter: MeteredModel | None, begun: float) -> None:
        """Append a `Round` for `state`; `begun` is the monotonic start time in seconds."""
        run = state.run or TestRun(ran=False)
        tokens = meter.take_tokens() if meter is not None else 0
        seconds = round(time.monotonic() - begun, 3)
        number = len(self.rounds) + 1
        self.rounds.append(
            Round(number, step, state.score, len(state.findings), run.passed, run.failed, tokens, seconds)
        )

    def _build_proposal(self, first: ProposedEdit, best: _State, tested: str) -> ProposedEdit:
        """Return the first proposal with the best round's code and test, and with notes about score and tests.

        Replaces all changes of `first`, as each task changes one file only.
        """
        last = f"{best.score:g} of 100" if best.score is not None else "no score"
        notes = (f"{len(self.rounds)} rounds, the best with {last}.", *((tested,) if tested else ()))
        code = self._build_change(best.document)
        return replace(first, changes=(code, *best.test), notes=(*first.notes, *notes))

    def _build_change(self, document: Document) -> TextChange:
        """Return the change from the scene's original text to the text of `document`."""
        old = self.scene.document
        return TextChange(old.uri, old.path, old.text, (build_edit(old.text, document.text),))


def _apply_proposal(document: Document, proposal: ProposedEdit) -> Document | None:
    """Return `document` after the proposal's edits to it; None if the proposal does not change it."""
    change = next((one for one in proposal.changes if isinstance(one, TextChange) and one.uri == document.uri), None)
    return replace(document, text=change.after) if change is not None else None


def _fix_finding(document: Document, finding: Finding, resources: Resources) -> Document | None:
    """Return `document` without `finding`, which is located again by code and message; None where that fails."""
    meant = (finding.code, finding.message)
    present = next((one for one in resources.review(document) if (one.code, one.message) == meant), None)
    return refine.fix_finding(document, present, resources) if present is not None else None


def _is_higher(score: float | None, before: float | None) -> bool:
    """Return whether `score` is higher than the score `before`; False if one of them is missing."""
    return score is not None and before is not None and score > before
