"""The tool `plan` with `confirm`: nothing is changed, run or handed out before the person's yes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.person import PlanAnswer, PlanQuestion, ProposedStep
from agents.team.events import PlanChanged
from agents.team.session_notes import PlanStart, PlanStep, SessionNotes, StepStatus
from tests.agents.team.bench import DirectRunner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.agents.team.bench import TeamBench

STEPS = [{"title": "Design it", "role": "architect"}, {"title": "Write it", "role": "coder"}]
ASKED = (ProposedStep("Design it", "architect"), ProposedStep("Write it", "coder"))
WORK: list[tuple[str, dict[str, Any]]] = [
    ("write_file", {"path": "new.py", "text": "x = 1\n"}),
    ("edit_file", {"path": "a.py", "replacements": [{"old": "1", "new": "2"}]}),
    ("delete_file", {"path": "a.py"}),
    ("execute_command", {"command": "echo hello"}),
    ("run_tests", {}),
    ("git_branch", {"name": "new"}),
    ("delegate", {"role": "coder", "task": "Do it."}),
]


@dataclass
class Person:
    """Answers each plan with `answer`."""

    answer: PlanAnswer | None
    asked: list[PlanQuestion] = field(default_factory=list)

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Answer nothing."""
        del question, choices
        return None

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Return the answer."""
        self.asked.append(question)
        return self.answer


@pytest.fixture
def notes(bench: TeamBench) -> SessionNotes:
    """Return the notes of the session, which has the roles that the steps name."""
    bench.write("#- a.py\nx = 1\n")
    notes = SessionNotes()
    bench.options |= {"notes": notes, "roles": ("orchestrator", "architect", "coder"), "commands": DirectRunner()}
    return notes


async def test_a_yes_starts_the_plan_as_the_person_has_edited_it(bench: TeamBench, notes: SessionNotes) -> None:
    person = bench.options["person"] = Person(PlanAnswer((ProposedStep("Test it", "coder"), ASKED[0])))
    text, failed = await bench.call("plan", steps=STEPS, title="A log", confirm=True)
    assert person.asked == [PlanQuestion("A log", ASKED, ("orchestrator", "architect", "coder"))]
    assert (failed, "The person has said yes. The person has changed it" in text) == (False, True)
    assert notes.plan == (
        PlanStep("Test it", StepStatus.OPEN, "coder"),
        PlanStep("Design it", StepStatus.OPEN, "architect"),
    )
    assert bench.events[-2] == PlanChanged((("Test it", "open"), ("Design it", "open")))
    assert (await bench.call("write_file", path="new.py", text="x = 1\n"))[1] is False


@pytest.mark.parametrize(("tool", "arguments"), WORK)
async def test_after_a_no_nothing_is_changed_run_or_handed_out(
    bench: TeamBench, notes: SessionNotes, tool: str, arguments: dict[str, Any]
) -> None:
    bench.options["person"] = Person(PlanAnswer(remark="First the tests."))
    text, failed = await bench.call("plan", steps=STEPS, confirm=True)
    assert (failed, text.startswith("The person says about this plan: First the tests.")) == (True, True)
    said, refused = await bench.call(tool, **arguments)
    assert (refused, "The person does not want this plan" in said) == (True, True)
    assert (bench.gate.proposals, bench.gate.calls) == ([], [])
    assert (await bench.call("read_file", path="a.py")) == ("1  x = 1", False)
    assert "refused it and said: First the tests." in notes.describe()


@pytest.mark.parametrize("person", [None, Person(None)])
async def test_where_nobody_answers_the_plan_is_kept_and_nothing_starts(
    bench: TeamBench, notes: SessionNotes, person: Person | None
) -> None:
    bench.options["person"] = person
    text, failed = await bench.call("plan", steps=STEPS, confirm=True)
    assert (failed, "Nobody has said yes" in text, notes.start) == (True, True, PlanStart.PROPOSED)
    assert (await bench.call("delegate", role="coder", task="Do it."))[0].startswith("The plan has no yes")


async def test_a_plan_without_a_yes_is_not_evaded_in_its_turn_and_dropped_in_a_later_one(
    bench: TeamBench, notes: SessionNotes
) -> None:
    await bench.call("plan", steps=STEPS, confirm=True)
    assert "cannot be dropped" in (await bench.call("plan", steps=[]))[0]
    text, _ = await bench.call("plan", steps=[{"title": "Just do it"}])
    assert "not started" in text
    assert (await bench.call("write_file", path="new.py", text="x = 1\n"))[1] is True
    later = SessionNotes.load(notes.dump())
    assert later is not None
    assert later.start is PlanStart.PROPOSED
    bench.options["notes"] = later
    assert (await bench.call("write_file", path="new.py", text="x = 1\n"))[1] is True
    await bench.call("plan", steps=[])
    assert (await bench.call("write_file", path="new.py", text="x = 1\n"))[1] is False


async def test_a_role_that_does_not_exist_is_not_proposed(bench: TeamBench, notes: SessionNotes) -> None:
    person = bench.options["person"] = Person(PlanAnswer(ASKED))
    text, failed = await bench.call("plan", steps=[{"title": "Fly", "role": "pilot"}], confirm=True)
    assert (failed, "There is no role 'pilot'" in text, person.asked, notes.plan) == (True, True, [], ())
    assert "without steps" in (await bench.call("plan", steps=[], confirm=True))[0]


async def test_progress_of_an_approved_plan_keeps_the_approval(bench: TeamBench, notes: SessionNotes) -> None:
    bench.options["person"] = Person(PlanAnswer(ASKED))
    await bench.call("plan", steps=STEPS, confirm=True)
    await bench.call("plan", steps=[{**STEPS[0], "status": "done"}, {**STEPS[1], "status": "active"}])
    stored = SessionNotes.load(notes.dump())
    assert stored is not None
    assert (stored.start, stored.plan) == (PlanStart.APPROVED, notes.plan)
    assert stored.describe().startswith("Plan, which the person has approved:\n[x] Design it (architect)")


async def test_only_a_refused_plan_is_forgotten() -> None:
    for start in PlanStart:
        notes = SessionNotes((PlanStep("Do it"),), start=start)
        assert notes.drop_refused_plan() is (start is PlanStart.REFUSED)
        assert bool(notes.plan) is (start is not PlanStart.REFUSED)
