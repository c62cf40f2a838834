"""The check of an agent's own changes: by parser, findings and tests, with at most three fixes.

After a turn that changed files, its problems go back to the agent: errors and warnings that the changes brought, and
tests that fail, where tests may be run (`agents.team.turn.checked_tests`). A fix that leaves as many problems is
undone, after a question like every change; two fixes without gain end the check. No model judges here. Start at
`run_checked_turn`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, TextChange
from agents.findings import Severity
from agents.team.events import Noted, TurnStatus
from agents.team.turn import calls
from agents.team.turn.checked_tests import TestCheck
from agents.team.turn.loop import run_turn
from indexing.syntax import languages
from indexing.syntax.documents import Document
from models.chat import Message, Speaker, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.findings import Finding
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.permissions import Cancelled
    from agents.team.events import TurnEnded
    from agents.team.limits import Spending
    from agents.team.tool import ToolResult, Workbench
    from agents.team.turn.conversation import Conversation
    from agents.team.turn.loop import Agent

MOST_FIXES = 3
MOST_WITHOUT_GAIN = 2
MOST_SHOWN = 20
"""Problems that the agent is told at once."""

LONGEST_FAILURE = 1500
"""Characters at the end of a failed test's message that the agent is told."""

_COUNTED = frozenset({Severity.ERROR, Severity.WARNING})


@dataclass(slots=True)
class ChangeTracker:
    """Changes of one turn: proposes edits like the port behind it, and remembers what was applied.

    Attributes:
        inner: where edits are proposed.
        before: the text that each changed file had before the turn, "" for a new one.
        checkpoints: of the changes since the last `begin_round`, oldest first.
    """

    inner: Changes
    before: dict[Path, str] = field(default_factory=dict)
    checkpoints: list[str] = field(default_factory=list)

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit; record its checkpoint and the earlier texts of its files if something was written.

        See `agents.ports.changes.Changes.propose`. A move of a file has no text to record.
        """
        outcome = await self.inner.propose(proposal, task=task, rule=rule, cancelled=cancelled)
        if outcome.checkpoint:
            self.checkpoints.append(outcome.checkpoint)
            for change in proposal.changes:
                if isinstance(change, TextChange) and change.path is not None:
                    self.before.setdefault(change.path, change.before)
                elif isinstance(change, CreateFile):
                    self.before.setdefault(change.path, "")
                elif isinstance(change, DeleteFile):
                    self.before.setdefault(change.path, change.before)
        return outcome

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`."""
        return await self.inner.undo(checkpoint, cancelled=cancelled)

    def begin_round(self) -> None:
        """Forget the checkpoints of earlier changes, so that those of a new round can be undone by themselves."""
        self.checkpoints = []


async def run_checked_turn(agent: Agent, conversation: Conversation, bench: Workbench, spending: Spending) -> TurnEnded:
    """Run a turn; if its changes bring problems, have the agent fix them, at most `MOST_FIXES` times.

    A fix that leaves as many problems is undone; the second of these in a row is the last. Return how the last turn
    that was not undone ended, with up to three of the problems that are left in its text.
    """
    tracker = ChangeTracker(bench.changes)
    bench = replace(bench, changes=tracker)
    tests = _make_test_check(agent, bench, spending)
    ended = await run_turn(agent, conversation, bench, spending)
    problems = await _find_problems_after(ended, tracker, bench, tests)
    without_gain = 0
    for number in range(1, MOST_FIXES + 1):
        if not problems or ended.status is not TurnStatus.DONE:
            return ended
        tracker.begin_round()
        bench.emit(Noted(f"The check of the changes found {_count(problems)}; the agent is told."))
        await _report_problems(agent, conversation, problems, another=number == MOST_FIXES)
        fixed = await run_turn(agent, conversation, bench, spending)
        if not tracker.checkpoints:  # nothing was changed, so nothing can be better
            ended = fixed if fixed.status is TurnStatus.DONE else ended
            break
        left = await _find_problems_after(fixed, tracker, bench, tests)
        if len(left) < len(problems):
            ended, problems, without_gain = fixed, left, 0
            continue
        await _undo_round(tracker, bench)
        without_gain += 1
        if without_gain == MOST_WITHOUT_GAIN or fixed.status is not TurnStatus.DONE:
            break
    if not problems:
        return ended
    listed = "; ".join(one.partition("\n")[0] for one in problems[:3])
    bench.emit(Noted(f"{len(problems)} problems are left after these changes: {listed}."))
    return replace(ended, text=f"{ended.text}\n\nNot fixed: {listed}.")


def _count(problems: list[str]) -> str:
    """Return the number of `problems` with its noun."""
    return f"{len(problems)} problem{'s' * (len(problems) != 1)}"


def find_problems(before: dict[Path, str], bench: Workbench) -> list[str]:
    """Return the new errors and warnings of files, a line each; `before` has each file's earlier text. Blocking."""
    return [line for path, old in before.items() for line in _find_new_in(path, old, bench)]


def _find_new_in(path: Path, old: str, bench: Workbench) -> Iterator[str]:
    """Yield the errors and warnings of one file that its `old` text did not have; none if it is gone."""
    text = bench.read(path)
    if text is None or text == old:
        return
    known = Counter((one.code, one.message) for one in _review(path, old, bench))
    for one in _review(path, text, bench):
        if known[one.code, one.message] > 0:
            known[one.code, one.message] -= 1
            continue
        line = text.count("\n", 0, one.span.start) + 1
        yield f"{bench.display(path)}:{line}: {one.message} ({one.code})"


def _review(path: Path, text: str, bench: Workbench) -> list[Finding]:
    """Return the errors and warnings of a file with this text, without other findings."""
    document = Document(path.as_uri(), path, languages.detect(path, text), text)
    return [one for one in bench.review(document) if one.severity in _COUNTED]


def _make_test_check(agent: Agent, bench: Workbench, spending: Spending) -> TestCheck:
    """Return the check that runs the tests as a call of the agent, which the person sees and the conversation lacks."""
    made = 0

    async def call(tool: str, **arguments: object) -> ToolResult:
        """Prepare and run a call of the tool, with permission; it is not added to the conversation."""
        nonlocal made
        made += 1
        prepared = await calls.prepare_call(ToolCall(f"check_{made}", tool, arguments), agent.tools, bench)
        return await calls.run_call(prepared, bench, spending)

    return TestCheck(bench, agent.tools, call, spending)


async def _find_problems_after(
    ended: TurnEnded, tracker: ChangeTracker, bench: Workbench, tests: TestCheck
) -> list[str]:
    """Return the problems in changed files and the failed tests after a turn, a text each; runs the tests.

    Return [] if the turn was cancelled, or no file has been changed.
    """
    if ended.status is TurnStatus.CANCELLED or not tracker.before:
        return []
    found = await asyncio.to_thread(find_problems, tracker.before, bench)
    state = await tests.run()
    failed = [
        f"The test {one.name} fails{f' ({one.place})' if one.place else ''}\n{one.message.strip()[-LONGEST_FAILURE:]}"
        for one in state.failures
    ]
    unknown = state.count - len(failed)
    return [*found, *failed, *([f"{unknown} tests fail\n{state.text[-LONGEST_FAILURE:]}"] * bool(unknown > 0))]


async def _report_problems(agent: Agent, conversation: Conversation, problems: list[str], *, another: bool) -> None:
    """Tell the agent up to `MOST_SHOWN` problems that its changes brought; with `another`, to try another approach."""
    listed = "\n".join(problems[:MOST_SHOWN])
    how = (
        "Your fixes did not help; try another approach."
        if another
        else "Fix them. If a test failed before your changes and you were not asked to repair it, say so instead."
    )
    message = Message(Speaker.USER, f"[The program checked your changes. There are these problems:\n{listed}\n{how}]")
    conversation.add(message)
    await agent.record(message)


async def _undo_round(tracker: ChangeTracker, bench: Workbench) -> None:
    """Propose to undo the changes of the last round, newest first; stop at the first one that is not undone."""
    if not tracker.checkpoints:
        return
    bench.emit(Noted("The last fix left as many problems; it is undone."))
    for checkpoint in reversed(tracker.checkpoints):
        outcome = await tracker.undo(checkpoint, cancelled=bench.cancelled)
        if not outcome.applied:
            bench.emit(Noted(f"It could not be undone: {outcome.reason}"))
            return
