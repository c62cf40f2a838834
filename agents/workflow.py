"""The workflow over both agents: generate, test, validate, review, refine while the score rises, then one proposal.

At most three rounds; what is proposed is the best of them, with its test, which is run in each of them. Every round is
recorded with what it cost. Writes nothing and runs nothing itself (`agents.tasks.task.Means`). Start at
`Workflow.run`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.edits import ProposedEdit, TextChange
from agents.metered_model import Metered
from agents.reviewer.assessment import measure_code
from agents.reviewer.ruff import style
from agents.reviewer.scoring import FileReview, build_report
from agents.tasks import refine, running, write_test
from agents.tasks.edit_ranking import new_findings
from agents.tasks.proposals import between, said_of
from agents.tasks.task import Scene, TestRun
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import Change
    from agents.findings import Finding
    from agents.tasks.task import Means, Result, Task
    from indexing.syntax.documents import Document

ROUNDS = 3
FAILED_TEST = 10.0  # points that each failed test costs
_FIXED = 3  # findings that one round mends


@dataclass(frozen=True, slots=True)
class Round:
    """One round.

    Attributes:
        number: from 1.
        step: what made it ("generate", "refine").
        score: 0 to 100, the report's on the whole document, less 10 for each failed test; None for nothing to judge.
        findings: that the change brought and that are still there.
        passed: tests that passed; `failed` likewise.
        tokens: that models read and wrote for it.
        seconds: it took.
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
class Ended:
    """What a workflow came to.

    Attributes:
        result: the one proposal, or why there is none.
        rounds: in order.
        best: number of the round that is proposed, 0 for none.
        tested: what came of the tests, a sentence; "" where there was nothing to test.
    """

    result: Result
    rounds: tuple[Round, ...] = ()
    best: int = 0
    tested: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    """The document after a round, with its test."""

    document: Document
    findings: tuple[Finding, ...]
    test: tuple[Change, ...] = ()
    run: TestRun | None = None
    score: float | None = None


@dataclass
class Workflow:
    """One run of it; `rounds` may be read after a failure, for what there is nevertheless."""

    scene: Scene
    means: Means
    rounds: list[Round] = field(default_factory=list)

    def run(self, task: Task, most: int = ROUNDS) -> Ended:
        """All of it; blocking. Raises what tasks raise."""
        meter = Metered(self.means.model) if self.means.model is not None else None
        means = replace(self.means, model=meter) if meter is not None else self.means
        begun = time.monotonic()
        first = running.propose(task, self.scene, means)
        if not isinstance(first, ProposedEdit):
            return Ended(first)
        document = _after(self.scene.document, first)
        if document is None:
            return Ended(first)  # it is about another file: there is nothing here to refine
        before = means.review(self.scene.document)
        best = self._tested(self._state(document, before, means), means)
        self._note("generate", best, meter, begun)
        number = 1
        while len(self.rounds) < most and best.findings:
            begun = time.monotonic()
            refined = self._refined(best, before, means)
            if refined is None:
                break
            self._note("refine", refined, meter, begun)
            if not _rises(best.score, refined.score):
                break
            best, number = refined, len(self.rounds)
        tested = said_of(best.run) if best.run is not None else ""
        return Ended(self._proposal(first, best, tested), tuple(self.rounds), number, tested)

    def _state(self, document: Document, before: Sequence[Finding], means: Means) -> _State:
        """Validated by the task that wrote it; reviewed here."""
        means.report("reviewing")
        findings = means.review(document)
        reviewed = FileReview(document, findings, measure_code(document), None, style.count_layout_problems(document))
        return _State(document, new_findings(before, findings), score=build_report([reviewed]).score)

    def _tested(self, state: _State, means: Means) -> _State:
        """With a test of what was written, and what came of running it."""
        span = Span(self.scene.span.start, self.scene.span.start)
        scene = Scene(state.document, Syntax.of(state.document), span)
        if means.model is None or write_test.offer(scene) is None:
            return state
        code = self._change(state.document)
        ran: list[TestRun] = []

        def run_tests(candidates: Sequence[Sequence[Change]], path: Path) -> Sequence[TestRun]:
            found = means.run_tests([[code, *one] for one in candidates], path)
            ran.extend(found)
            return found

        result = running.propose(write_test.TASK, scene, replace(means, run_tests=run_tests))
        if not isinstance(result, ProposedEdit) or any(one.path == code.path for one in result.changes):
            return state  # a test inside of the same file would be a second change of it
        run = next((one for one in ran if one.green), ran[0] if ran else TestRun(ran=False, said="nobody allowed it."))
        return self._judged(replace(state, test=result.changes), run)

    def _judged(self, state: _State, run: TestRun) -> _State:
        lost = FAILED_TEST * run.failed if run.ran else 0.0
        return replace(state, run=run, score=None if state.score is None else max(0.0, state.score - lost))

    def _refined(self, state: _State, before: Sequence[Finding], means: Means) -> _State | None:
        """With the findings mended that the change brought; None where nothing could be."""
        document = state.document
        for finding in state.findings[:_FIXED]:
            means.report(f"mending {finding.code}")
            document = _mended(document, finding, means) or document
        if document is state.document:
            return None
        refined = replace(self._state(document, before, means), test=state.test)
        return self._judged(refined, self._run_again(refined, state.run, means)) if state.run is not None else refined

    def _run_again(self, state: _State, before: TestRun, means: Means) -> TestRun:
        """The test once more, with the code as it is now; who has not allowed it before is not asked again."""
        path = next((one.path for one in state.test if one.path is not None), None)
        if not before.ran or path is None:
            return before
        means.report("running the test")
        runs = means.run_tests([[self._change(state.document), *state.test]], path)
        return runs[0] if runs else TestRun(ran=False, said="nobody allowed it.")

    def _note(self, step: str, state: _State, meter: Metered | None, begun: float) -> None:
        run = state.run or TestRun(ran=False)
        tokens = meter.taken() if meter is not None else 0
        seconds = round(time.monotonic() - begun, 3)
        number = len(self.rounds) + 1
        self.rounds.append(
            Round(number, step, state.score, len(state.findings), run.passed, run.failed, tokens, seconds)
        )

    def _proposal(self, first: ProposedEdit, best: _State, tested: str) -> ProposedEdit:
        last = f"{best.score:g} of 100" if best.score is not None else "no score"
        notes = (f"{len(self.rounds)} rounds, the best with {last}.", *((tested,) if tested else ()))
        code = self._change(best.document)
        return replace(first, changes=(code, *best.test), notes=(*first.notes, *notes))

    def _change(self, document: Document) -> TextChange:
        old = self.scene.document
        return TextChange(old.uri, old.path, old.text, (between(old.text, document.text),))


def _after(document: Document, proposal: ProposedEdit) -> Document | None:
    change = next((one for one in proposal.changes if isinstance(one, TextChange) and one.uri == document.uri), None)
    return replace(document, text=change.after) if change is not None else None


def _mended(document: Document, finding: Finding, means: Means) -> Document | None:
    """The document with that finding mended, by its known fix or by the model."""
    meant = (finding.code, finding.message)
    present = next((one for one in means.review(document) if (one.code, one.message) == meant), None)
    return refine.mended(document, present, means) if present is not None else None


def _rises(score: float | None, then: float | None) -> bool:
    return score is not None and then is not None and then > score
