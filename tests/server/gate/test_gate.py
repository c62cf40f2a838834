"""The path of a proposal: validated, asked about once, applied, verified, recorded; and every way it can end."""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agents.edits import TextChange
from agents.ports.permissions import ToolCall
from agents.tools import DELETE_FILE, EXECUTE_COMMAND, WRITE_FILE, Risk, Tool
from server.gate.disk import contents
from server.gate.policy import Limits
from server.gate.ports import Answer, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from server.gate.question.wording import is_serious
from server.gate.records import Author
from tests.server.gate.bench import Bench, make_proposal, query_rows

if TYPE_CHECKING:
    from pathlib import Path

    from agents.edits import ProposedEdit

SOURCE = """
#- area.py
def area(r):
    return 3.14 * r * r
#- main.py
from area import area
print(area(2))
"""


async def test_what_is_approved_is_written_and_recorded(bench: Bench) -> None:
    bench.write(SOURCE)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "math.pi"), title="Use pi"))
    assert (outcome.verdict, outcome.reason, bool(outcome.checkpoint)) == (Verdict.APPLIED, "", True)
    assert bench.read("area.py") == b"def area(r):\n    return math.pi * r * r\n"
    (row,) = bench.gate.journal.records.list_audit(9)
    assert (row.title, row.action, row.written, row.answer, row.verdict) == (
        "Use pi", "text", True, "approve", "applied",
    )  # fmt: skip
    assert row.hash_before != row.hash_after
    assert row.client == "a test"
    assert row.who
    assert row.address == ""


async def test_the_audit_names_the_account_and_its_address(bench: Bench) -> None:
    bench.author = Author("ada", "192.0.2.1")
    bench.write(SOURCE)
    assert (await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))).applied
    assert (await bench.gate.undo()).applied
    rows = bench.gate.journal.records.list_audit(9)
    assert {(row.who, row.address, row.client) for row in rows} == {("ada", "192.0.2.1", "a test")}


async def test_one_question_shows_everything_and_who_proposes_it_and_why(bench: Bench) -> None:
    bench.write(SOURCE)
    changes = (
        bench.change("main.py", "area(2)", "area(3)"), bench.create("new/x.py", "x = 1\n"), bench.delete("area.py"),
    )  # fmt: skip
    await bench.gate.propose(make_proposal(*changes, by="reviewer"))
    (question,) = bench.asker.questions
    assert (question.by, question.why, question.tool) == ("reviewer", "Because.", DELETE_FILE)
    for line in ("-print(area(2))", "+print(area(3))", "+++ b/new/x.py", "+x = 1", "--- a/area.py", "+++ /dev/null"):
        assert line in question.diff.splitlines()


async def test_a_rejected_edit_leaves_every_byte_and_the_agent_knows(bench: Bench) -> None:
    bench.write(SOURCE)
    before = bench.read_all()
    bench.set_answers(Answer.REJECT)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3"), bench.create("x.py", "x")))
    assert (outcome.verdict, outcome.checkpoint, bench.read_all()) == (Verdict.REJECTED, "", before)
    assert "rejected" in outcome.reason
    audited = bench.gate.journal.records.list_audit(9)
    assert {(row.written, row.hash_before == row.hash_after, row.answer) for row in audited} == {
        (False, True, "reject")
    }


# The rest of a task


async def test_the_rest_of_a_task_is_not_asked_about_and_ends_with_the_task(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.set_answers(Answer.APPROVE_TASK)
    for name in ("a.py", "b.py", "c.py"):
        outcome = await bench.gate.propose(make_proposal(bench.create(name, "x = 1\n")), task="t1")
        assert outcome.applied
    assert [question.may_remember for question in bench.asker.questions] == [True]
    other = await bench.gate.propose(make_proposal(bench.create("d.py")), task="t2")
    bench.gate.end_task("t1")
    after = await bench.gate.propose(make_proposal(bench.create("e.py")), task="t1")
    assert (other.verdict, after.verdict, len(bench.asker.questions)) == (Verdict.REJECTED, Verdict.REJECTED, 3)
    answers = await query_rows(
        bench.gate, "SELECT answer, answer_s IS NULL FROM requests WHERE title = 'Do it' AND verdict = 'applied'"
    )
    assert sorted(answers) == [("approve-task", 0), ("approve-task", 1), ("approve-task", 1)]


async def test_deletions_and_commands_are_asked_about_every_time(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.set_answers(Answer.APPROVE_TASK, Answer.APPROVE_TASK, Answer.REJECT, Answer.APPROVE_TASK, Answer.REJECT)
    assert (await bench.gate.propose(make_proposal(bench.create("a.py")), task="t")).applied
    assert (await bench.gate.propose(make_proposal(bench.delete("a.py")), task="t")).applied
    assert (await bench.gate.propose(make_proposal(bench.delete("main.py")), task="t")).verdict is Verdict.REJECTED
    run = ToolCall(EXECUTE_COMMAND, "pytest", "Run the tests", "To know.", "generator", task="t")
    assert [(await bench.gate.permit(run)).granted for _ in range(2)] == [True, False]
    assert [question.may_remember for question in bench.asker.questions] == [True, False, False, False, False]


async def test_an_approval_for_the_task_does_not_cover_what_breaks_the_syntax(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.set_answers(Answer.APPROVE_TASK, Answer.REJECT)
    await bench.gate.propose(make_proposal(bench.create("a.py")), task="t")
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "(r)", "(r")), task="t")
    assert (outcome.verdict, len(bench.asker.questions)) == (Verdict.REJECTED, 2)


# Between asking and applying


class Meddling(ScriptedAsker):
    """Something happens while the person thinks."""

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__([Answer.APPROVE])
        self._path, self._data = path, data

    async def ask(self, question: object) -> Answer:
        self._path.write_bytes(self._data)
        return Answer.APPROVE


async def test_a_file_edited_elsewhere_while_the_question_stands_keeps_both_edits(bench: Bench) -> None:
    bench.write(SOURCE)
    edited = b"import math\n\n\n\n\n\ndef area(r):\n    return 3.14 * r * r\n"
    bench.put("area.py", edited.replace(b"import math\n", b"import os\n"))
    bench.asker = Meddling(bench.root / "area.py", edited)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "math.pi")))
    assert (outcome.applied, bench.read("area.py")) == (True, edited.replace(b"3.14", b"math.pi"))


async def test_a_file_edited_in_the_same_place_while_the_question_stands_is_not_forced(bench: Bench) -> None:
    bench.write(SOURCE)
    edited = b"def area(radius):\n    return 3.14 * radius ** 2\n"
    bench.asker = Meddling(bench.root / "area.py", edited)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "math.pi")))
    assert (outcome.verdict, outcome.checkpoint, bench.read("area.py")) == (Verdict.FAILED, "", edited)
    assert "area.py has changed" in outcome.reason


# What the documents say afterwards


class Lying:
    """A client that says it applied everything, and applies what it likes."""

    settle_s = 0.0

    def __init__(self, bench: Bench, keep: int) -> None:
        self._disk = bench.gate._disk
        self._keep = keep

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        return await self._disk.read_text(uri, path)

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
        for change in proposal.changes[: self._keep]:
            kept = (
                TextChange(change.uri, change.path, change.before, change.edits[:1])
                if isinstance(change, TextChange)
                else change
            )
            self._disk.write_change(kept)
        return ""


async def test_applied_that_changed_nothing_is_a_rejection(bench: Bench) -> None:
    bench.write(SOURCE)
    before = bench.read_all()
    bench.gate._workplace = Lying(bench, 0)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3"), bench.delete("main.py")))
    assert (outcome.verdict, outcome.checkpoint, bench.read_all()) == (Verdict.REJECTED, "", before)


async def test_a_part_that_was_applied_is_reported_as_a_part_and_undone(bench: Bench) -> None:
    bench.write(SOURCE)
    before = bench.read_all()
    disk, bench.gate._workplace = bench.gate._workplace, Lying(bench, 2)
    two = bench.change("area.py", "area", "surface")
    two = TextChange(two.uri, two.path, two.before, (*two.edits, *bench.change("area.py", "3.14", "3").edits))
    outcome = await bench.gate.propose(make_proposal(two, bench.create("new.py", "x = 1\n"), bench.delete("main.py")))
    assert outcome.verdict is Verdict.PARTLY
    assert ("area.py" in outcome.reason, "main.py" in outcome.reason, "new.py" in outcome.reason) == (True, True, False)
    assert bench.read("area.py") == b"def surface(r):\n    return 3.14 * r * r\n"
    bench.gate._workplace = disk
    assert (await bench.gate.undo(outcome.checkpoint)).applied
    assert bench.read_all() == before


@pytest.mark.parametrize("added", ["\n\nimport evil\n", "\n"])
async def test_what_a_client_adds_to_an_approved_edit_is_named_and_fingerprinted(bench: Bench, added: str) -> None:
    class Adding(Lying):
        async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
            await super().apply(proposal, confirm=confirm)
            path = bench.root / "area.py"
            path.write_bytes(path.read_bytes() + added.encode())
            return ""

    bench.write(SOURCE)
    bench.gate._workplace = Adding(bench, 2)
    outcome = await bench.gate.propose(
        make_proposal(bench.change("area.py", "3.14", "3"), bench.create("new.py", "x = 1\n"))
    )
    assert "not approved: in area.py line 3" in outcome.reason
    if added.strip():
        assert "import evil" in outcome.reason
    row = next(one for one in bench.gate.journal.records.list_audit(5) if one.subject.endswith("area.py"))
    assert (row.reason, row.hash_after) == (outcome.reason, contents.hash_text(bench.read("area.py").decode()))


async def test_what_cannot_be_written_has_failed_with_the_reason(bench: Bench) -> None:
    class Full(Lying):
        async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
            return "The disk is full."

    bench.write(SOURCE)
    bench.gate._workplace = Full(bench, 0)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert (outcome.verdict, outcome.reason) == (Verdict.FAILED, "The disk is full.")


async def test_an_editor_that_applies_after_the_time_limit_is_found_out(bench: Bench) -> None:
    class Slow(Lying):
        go = asyncio.Event()

        async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
            await self.go.wait()
            return await self._disk.apply(proposal, confirm=confirm)

    bench.write(SOURCE)
    bench.limits = Limits(answer_s=0.05)
    bench.asker = ScriptedAsker(previews=True)
    slow = bench.gate._workplace = Slow(bench, 0)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert outcome.verdict is Verdict.EXPIRED
    bench.gate._limits = Limits()
    slow.go.set()
    await asyncio.gather(*bench.gate._late)
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.id, request.verdict, request.answer) == (outcome.proposal, "applied", "approve")
    assert (await bench.gate.undo(request.checkpoint)).verdict is Verdict.APPLIED


# Commands


async def test_reading_is_free_and_leaves_no_record(bench: Bench) -> None:
    answer = await bench.gate.permit(ToolCall(Tool("read_file", Risk.LOW), "a.py", "Read", "To know.", "generator"))
    assert (answer.granted, bench.asker.questions, bench.gate.journal.records.list_audit(9)) == (True, [], ())


@pytest.mark.parametrize(
    ("risk", "asked", "remembered", "serious"),
    [
        (Risk.LOW, False, False, False),
        (Risk.MEDIUM, True, True, False),
        (Risk.HIGH, True, True, False),
        (Risk.CRITICAL, True, False, True),
    ],
)
async def test_a_tool_that_declares_its_risk_is_asked_about_by_it_and_recorded_by_its_name(
    bench: Bench, risk: Risk, *, asked: bool, remembered: bool, serious: bool
) -> None:
    bench.set_answers(Answer.APPROVE_TASK, Answer.REJECT)
    tool = Tool("look_up", risk)  # of nobody's list
    call = ToolCall(tool, "x", "Look it up", "To know.", "a team", task="t")
    said = [(await bench.gate.permit(call)).granted for _ in range(2)]
    assert said == [True, not asked or remembered]
    questions = bench.asker.questions
    assert len(questions) == (asked and (1 if remembered else 2))
    assert [one.may_remember for one in questions] == [remembered] * len(questions)
    assert [is_serious(one) for one in questions] == [serious] * len(questions)
    rows = bench.gate.journal.records.list_audit(9)
    assert {(row.tool, row.action) for row in rows} == ({("look_up", "run")} if asked else set())


async def test_a_command_is_asked_about_and_recorded(bench: Bench) -> None:
    bench.set_answers(Answer.APPROVE, Answer.REJECT)
    for _ in range(2):
        await bench.gate.permit(ToolCall(EXECUTE_COMMAND, "pytest -q", "Run the tests", "To know.", "generator"))
    found = [(row.action, row.subject, row.written, row.verdict) for row in bench.gate.journal.records.list_audit(9)]
    assert found == [("run", "pytest -q", False, "rejected"), ("run", "pytest -q", True, "applied")]
    assert bench.asker.questions[0].diff == "pytest -q"


async def test_files_are_changed_by_proposals_only(bench: Bench) -> None:
    with pytest.raises(ValueError, match="propose an edit"):
        await bench.gate.permit(ToolCall(WRITE_FILE, "a.py", "Write", "Why not.", "generator"))


# Rules of the person


async def test_a_persons_rule_approves_an_edit_without_a_question_and_is_recorded(bench: Bench) -> None:
    bench.write(SOURCE)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "math.pi")), rule="allow edits")
    assert (outcome.verdict, bench.asker.questions) == (Verdict.APPLIED, [])
    (row,) = bench.gate.journal.records.list_audit(9)
    assert (row.answer, row.written) == ("approve-rule", True)


async def test_a_persons_rule_does_not_approve_what_comes_with_a_warning(bench: Bench) -> None:
    bench.write(SOURCE)
    broken = make_proposal(bench.change("area.py", "def area(r):", "def area(r:"))
    bench.set_answers(Answer.REJECT)
    outcome = await bench.gate.propose(broken, rule="allow edits")
    assert (outcome.verdict, len(bench.asker.questions)) == (Verdict.REJECTED, 1)


async def test_a_rule_permits_a_command_or_has_a_reading_tool_asked(bench: Bench) -> None:
    bench.write(SOURCE)
    run = ToolCall(EXECUTE_COMMAND, "git status", "Run it", "To see.", "coder", rule="allow git status")
    assert (await bench.gate.permit(run)).granted
    assert bench.asker.questions == []
    bench.set_answers(Answer.REJECT)
    read = ToolCall(Tool("read_file", Risk.LOW), "area.py", "Read it", "To see.", "coder", asks=True)
    assert not (await bench.gate.permit(read)).granted
    assert len(bench.asker.questions) == 1
