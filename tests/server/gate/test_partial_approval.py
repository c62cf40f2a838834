"""Approval of some parts of a proposal: exactly these are applied, recorded and undone, and the agent learns it."""

from __future__ import annotations

import random
from random import Random
from typing import TYPE_CHECKING

import pytest

from agents.edits import Edit, TextChange
from server.gate.ports import Answer, Outcome, TakenParts, Verdict
from tests.server.gate.bench import YES, Bench, make_proposal, query_rows

if TYPE_CHECKING:
    from agents.edits import Change, ProposedEdit
    from server.gate.ports import Question

ROUNDS = 30
SOURCE = """
#- area.py
import math

def area(r):
    return 3.14 * r * r

def ring(r, s):
    return area(r) - area(s)
#- main.py
from area import area
print(area(2))
"""


def rewrite(bench: Bench, name: str, after: str) -> TextChange:
    """Return a change of the whole text of the file `name`."""
    path = bench.root / name
    before = path.read_bytes().decode()
    return TextChange(path.as_uri(), path, before, (Edit(0, len(before), after),))


def change_area(bench: Bench) -> TextChange:
    """Return a change of area.py with three parts: lines 1, 4 and 7."""
    before = (bench.root / "area.py").read_text(encoding="utf-8")
    after = before.replace("import math", "from math import pi").replace("3.14", "pi").replace("(r) -", "(r) +")
    return rewrite(bench, "area.py", after)


async def propose(bench: Bench, proposal: ProposedEdit, *taken: str) -> Outcome:
    """Propose `proposal`, of which the person takes the parts with the ids `taken`."""
    bench.asker._answers = [TakenParts(frozenset(taken)), *YES]
    return await bench.gate.propose(proposal, task="t1")


async def test_only_the_taken_parts_are_applied_and_the_agent_learns_which_were_left_out(bench: Bench) -> None:
    bench.write(SOURCE)
    before = bench.read("area.py")
    outcome = await propose(bench, make_proposal(change_area(bench)), "0.0", "0.1")
    assert bench.read("area.py") == before.replace(b"import math", b"from math import pi").replace(b"3.14", b"pi")
    assert (outcome.verdict, outcome.left_out) == (Verdict.APPLIED, ("area.py, line 7",))
    assert outcome.reason == "2 of 3 parts were taken. Left out: area.py, line 7."
    assert len(bench.asker.questions) == 1
    undone = await bench.gate.undo(outcome.checkpoint)
    assert (undone.verdict, bench.read("area.py")) == (Verdict.APPLIED, before)


async def test_the_record_holds_what_was_applied_and_what_was_left_out(bench: Bench) -> None:
    bench.write(SOURCE)
    change = change_area(bench)
    outcome = await propose(bench, make_proposal(change, bench.create("new.py", "x = 1\n")), "0.1")
    (row,) = bench.gate.journal.records.list_audit(9)
    assert (row.subject, row.answer, row.verdict) == (str(bench.root / "area.py"), "approve-parts", "applied")
    assert row.reason == "1 of 4 parts were taken. Left out: area.py, line 1 and line 7; the new file new.py."
    checkpoint = bench.gate.journal.find_checkpoint(outcome.checkpoint)
    assert [kept.after.encode() for kept in checkpoint.files] == [bench.read("area.py")]
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.status, request.reason) == ("approved", row.reason)


@pytest.mark.parametrize(
    ("taken", "verdict", "answer"),
    [
        ((), Verdict.REJECTED, "reject"),
        (("0.7",), Verdict.REFUSED, "unable"),
        (("0.0", "0.1", "0.2"), Verdict.APPLIED, "approve"),
    ],
)
async def test_none_is_a_rejection_all_an_approval_and_an_unknown_part_no_answer(
    bench: Bench, taken: tuple[str, ...], verdict: Verdict, answer: str
) -> None:
    bench.write(SOURCE)
    before = bench.read("area.py")
    change = change_area(bench)
    outcome = await propose(bench, make_proposal(change), *taken)
    assert (outcome.verdict, outcome.left_out) == (verdict, ())
    assert bench.read("area.py") == (change.after.encode() if verdict is Verdict.APPLIED else before)
    assert bench.gate.journal.records.list_audit(9)[0].answer == answer


async def test_an_approval_of_parts_that_names_none_changes_nothing(bench: Bench) -> None:
    bench.write(SOURCE)
    before = bench.read("area.py")
    bench.asker._answers = [Answer.APPROVE_PARTS]
    outcome = await bench.gate.propose(make_proposal(change_area(bench)))
    assert (outcome.verdict, bench.read("area.py")) == (Verdict.REFUSED, before)


async def test_files_are_taken_or_left_whole(bench: Bench) -> None:
    bench.write(SOURCE)
    changes = (bench.create("new.py", "x = 1\n"), bench.delete("main.py"), bench.rename("area.py", "circle.py"))
    before = bench.read_all()
    outcome = await propose(bench, make_proposal(*changes), "0.0", "2.0")
    assert sorted(path.name for path in bench.root.iterdir()) == ["circle.py", "main.py", "new.py"]
    assert outcome.left_out == ("the deletion of main.py",)
    await bench.gate.undo(outcome.checkpoint)
    assert {name: data for name, data in bench.read_all().items() if name.startswith("workspace/")} == {
        name: data for name, data in before.items() if name.startswith("workspace/")
    }


async def test_parts_that_break_the_syntax_alone_are_asked_about_once_more_with_the_warning(bench: Bench) -> None:
    bench.write("#- a.py\nx = (1,\n     2)\ny = 1\nz = 3\n")
    after = "x = [1,\n     2]\ny = 1\nz = 4\n"
    outcome = await propose(bench, make_proposal(rewrite(bench, "a.py", after)), "0.0")
    assert (outcome.verdict, bench.read("a.py")) == (Verdict.APPLIED, after.replace("4", "3").encode())
    bench.write("#- a.py\nx = (1,\n     2,\n\n\n     3)\nz = 3\n")
    after = "x = [1,\n     2,\n\n\n     3]\nz = 3\n"
    outcome = await propose(bench, make_proposal(rewrite(bench, "a.py", after)), "0.0")
    assert (outcome.verdict, outcome.left_out) == (Verdict.APPLIED, ("a.py, line 5",))
    assert bench.read("a.py") == b"x = [1,\n     2,\n\n\n     3)\nz = 3\n"
    first, second = bench.asker.questions[-2:]
    assert (first.warnings, len(first.hunks)) == ((), 2)
    assert ("would no longer parse" in second.warnings[0], second.hunks, second.may_remember) == (True, (), False)
    assert "+x = [1," in second.diff
    assert "3]" not in second.diff
    assert second.proposal is not None
    assert second.proposal.notes == ("1 of 2 parts were taken. Left out: a.py, line 5.",)
    assert bench.gate.journal.records.list_audit(1)[0].answer == "approve-parts"


async def test_a_no_to_that_warning_changes_nothing(bench: Bench) -> None:
    bench.write("#- a.py\nx = (1,\n     2,\n\n\n     3)\n")
    before = bench.read("a.py")
    proposal = make_proposal(rewrite(bench, "a.py", "x = [1,\n     2,\n\n\n     3]\n"))
    bench.asker._answers = [TakenParts(frozenset({"0.1"})), Answer.REJECT]
    outcome = await bench.gate.propose(proposal)
    assert (outcome.verdict, outcome.left_out, bench.read("a.py")) == (Verdict.REJECTED, (), before)


async def test_parts_of_an_automatic_change_must_not_break_the_syntax(bench: Bench) -> None:
    bench.write("#- a.py\nx = (1,\n     2,\n\n\n     3)\n")
    before = bench.read("a.py")
    change = rewrite(bench, "a.py", "x = [1,\n     2,\n\n\n     3]\n")
    outcome = await propose(bench, make_proposal(change, automatic=True), "0.1")
    assert (outcome.verdict, bench.read("a.py")) == (Verdict.FAILED, before)
    assert outcome.reason.startswith("The change was not made: the parts that were taken cannot be applied alone.")


async def test_a_choice_of_parts_is_not_remembered_for_the_task(bench: Bench) -> None:
    bench.write(SOURCE)
    await propose(bench, make_proposal(change_area(bench)), "0.0")
    assert bench.asker.questions[0].may_remember
    await bench.gate.propose(make_proposal(bench.change("main.py", "2", "3")), task="t1")
    assert len(bench.asker.questions) == 2


async def test_an_edit_elsewhere_while_the_question_stands_is_kept_beside_the_taken_parts(bench: Bench) -> None:
    bench.write(SOURCE)
    proposal = make_proposal(change_area(bench))

    class Meddling:
        """Takes one part, after somebody has edited the file."""

        def asks_while_applying(self, _: Question) -> bool:
            return False

        def find_obstacle(self, _: Question) -> str:
            return ""

        async def ask(self, _: Question) -> TakenParts:
            (bench.root / "area.py").write_bytes(b"# new\n" + bench.read("area.py"))
            return TakenParts(frozenset({"0.1"}))

    bench.asker = Meddling()
    outcome = await bench.gate.propose(proposal)
    assert (outcome.verdict, outcome.left_out) == (Verdict.APPLIED, ("area.py, line 1 and line 7",))
    expected = SOURCE.split("#- main.py", maxsplit=1)[0].removeprefix("\n#- area.py\n").replace("3.14", "pi")
    assert bench.read("area.py").decode() == f"# new\n{expected}"


async def test_an_undo_is_asked_about_as_a_whole(bench: Bench) -> None:
    bench.write(SOURCE)
    outcome = await bench.gate.propose(make_proposal(change_area(bench)))
    await bench.gate.undo(outcome.checkpoint)
    assert [len(one.hunks) for one in bench.asker.questions] == [3, 0]


LINES = [b"a = 1", b"b = 2", b"c = 3", b"", b"# note", b"d = 4"]


def make_bytes(dice: Random, ending: bytes) -> bytes:
    lines = dice.choices(LINES, k=dice.randint(2, 14))
    return ending.join(lines) + (ending if dice.random() < 0.6 else b"")


def make_change(dice: Random, bench: Bench, name: str) -> Change:
    """Return a random change of the file `name`, or the creation of one."""
    if dice.random() < 0.2:
        return bench.create(f"new-{name}", "n = 1\n")
    ending = dice.choice([b"\n", b"\r\n"])
    bench.put(name, make_bytes(dice, ending))
    before = bench.read(name).decode()
    lines = before.splitlines(keepends=True)
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(lines))
        lines[at : at + dice.randint(0, 2)] = [f"e = {dice.randint(0, 9)}{ending.decode()}"] * dice.randint(0, 2)
    return rewrite(bench, name, "".join(lines))


async def test_any_choice_of_parts_is_applied_to_the_byte_and_undone_to_the_byte(bench: Bench) -> None:
    partial = 0
    for number in range(ROUNDS):
        seed = random.getrandbits(62)  # pytest-randomly says how to get the same again
        dice = Random(seed)  # noqa: S311 (no secret)
        changes = [make_change(dice, bench, f"{number}-{index}.txt") for index in range(dice.randint(1, 3))]
        before = {path.name: path.read_bytes() for path in bench.root.iterdir()}
        bench.asker._answers = [Answer.REJECT]
        await bench.gate.propose(make_proposal(*changes))
        if bench.asker.questions[-1:] == []:
            continue
        question = bench.asker.questions.pop()
        assert question.proposal is not None
        taken = [one for one in question.hunks if dice.random() < 0.5]
        outcome = await propose(bench, make_proposal(*changes), *(one.id for one in taken))
        expected = dict(before)
        for index, change in enumerate(question.proposal.changes):
            own = [one for one in taken if one.change == index]
            if isinstance(change, TextChange) and change.path is not None:
                edits = tuple(one.edit for one in own if one.edit is not None)
                whole = len(own) == len([one for one in question.hunks if one.change == index])
                text = change.after if whole else TextChange(change.uri, change.path, change.before, edits).after
                expected[change.path.name] = text.encode()
            elif own:
                expected[change.path.name] = b"n = 1\n"  # type: ignore[union-attr]
        assert {path.name: path.read_bytes() for path in bench.root.iterdir()} == expected, seed
        bench.asker.questions.clear()
        if outcome.checkpoint:
            partial += bool(outcome.left_out)
            await bench.gate.undo(outcome.checkpoint)
            bench.asker.questions.clear()
        assert {path.name: path.read_bytes() for path in bench.root.iterdir()} == before, seed
    assert partial > ROUNDS / 6
    assert await query_rows(bench.gate, "select count(*) from audit")
