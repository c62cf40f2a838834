"""Client kinds x changes x answers: one right question, the right record, and nothing written without a yes.

The clients are doubles at the gate's two ports that behave as the real ones were seen to; `tests/wire` and
`tests/editors` have the real ones.
"""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import TYPE_CHECKING

import pytest

from agents.edits import TextChange
from server.gate.policy import Limits
from server.gate.ports import Answer, Verdict
from tests.server.gate.bench import ANSWER_S, Bench, make_proposal
from tests.server.gate.test_requests import crash_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.edits import Change, ProposedEdit
    from server.gate.ports import Question

FILES = """
#- a.py
x = 1
y = 2
#- b.py
z = 3
"""
CHANGES: dict[str, Callable[[Bench], tuple[Change, ...]]] = {
    "text": lambda b: (two_edits(b),),
    "create": lambda b: (b.create("new.py", "n = 1\n"),),
    "rename": lambda b: (b.rename("b.py", "c.py"),),
    "delete": lambda b: (b.delete("b.py"),),
    "several files": lambda b: (two_edits(b), b.create("new.py", "n = 1\n"), b.rename("b.py", "c.py")),
}
ANSWERS = ("yes", "no", "part", "time-out", "crash")
SPLITTABLE = {"text", "several files"}  # what a client can apply a part of


def two_edits(bench: Bench) -> TextChange:
    first, second = bench.change("a.py", "1", "10"), bench.change("a.py", "2", "20")
    return TextChange(first.uri, first.path, first.before, (*first.edits, *second.edits))


class Client:
    """Texts are changed in buffers, as editors do it; what it says about the result is worth nothing.

    Args:
        answer: what the person does, one of `ANSWERS`.
        previews: applying asks (VS Code); else a message does, before.
        files: whether it can create, rename and delete.
        silent: nothing can be asked at all.
    """

    settle_s = 0.3

    def __init__(
        self, bench: Bench, answer: str, *, previews: bool = False, files: bool = True, silent: bool = False
    ) -> None:
        self._bench, self._answer, self._previews, self._files, self._silent = bench, answer, previews, files, silent
        self.buffers: dict[str, str] = {}
        self.questions = 0
        self.crashed = False
        self.down = asyncio.Event()  # never set: whoever waits for it died with the server

    def asks_while_applying(self, question: Question) -> bool:
        return self._previews

    def find_obstacle(self, question: Question) -> str:
        assert question.proposal is not None
        if self._silent:
            return "This client cannot show a question."
        plain = all(isinstance(change, TextChange) for change in question.proposal.changes)
        return "" if plain or self._files else "It does not change files for a language server."

    async def ask(self, question: Question) -> Answer:
        self.questions += 1
        if self._answer == "time-out":
            await self.down.wait()
        return Answer.REJECT if self._answer == "no" else Answer.APPROVE

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        return self.buffers[uri] if uri in self.buffers else await self._bench.gate._disk.read_text(uri, path)

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
        if confirm:
            self.questions += 1
        if self._answer == "crash" or (confirm and self._answer == "time-out"):
            self.crashed = self._answer == "crash"
            await self.down.wait()
        if confirm and self._answer == "no":
            return ""
        for number, change in enumerate(proposal.changes):
            if self._answer != "part" or number == 0:
                asyncio.get_running_loop().call_later(0.05, self._make, change)  # it says so before it is so
        return ""

    def _make(self, change: Change) -> None:
        if isinstance(change, TextChange):
            kept = dataclasses.replace(change, edits=change.edits[:1]) if self._answer == "part" else change
            self.buffers[change.uri] = kept.after
        else:
            self._bench.gate._disk.write_change(change)


KINDS: dict[str, Callable[[Bench, str], Client]] = {
    "VS Code": lambda bench, answer: Client(bench, answer, previews=True),
    "Neovim 0.12": Client,
    "only showMessageRequest": lambda bench, answer: Client(bench, answer, files=False),
    "nothing": lambda bench, answer: Client(bench, answer, silent=True),
}
CASES = [
    (kind, change, answer)
    for kind, change, answer in itertools.product(KINDS, CHANGES, ANSWERS)
    if answer != "part" or change in SPLITTABLE
]


def predict_outcome(kind: str, change: str, answer: str) -> tuple[Verdict, int]:
    """Return the expected verdict, and the expected number of questions."""
    if kind == "nothing" or (kind == "only showMessageRequest" and change != "text"):
        return Verdict.REFUSED, 0
    verdicts = {
        "yes": Verdict.APPLIED, "no": Verdict.REJECTED, "part": Verdict.PARTLY, "time-out": Verdict.EXPIRED,
    }  # fmt: skip
    if answer != "crash":
        return verdicts[answer], 1
    return Verdict.EXPIRED if kind == "VS Code" else Verdict.FAILED, 1  # of a preview no yes is known


@pytest.mark.parametrize(("kind", "change", "answer"), CASES)
async def test_table(bench: Bench, kind: str, change: str, answer: str) -> None:
    bench.write(FILES)
    bench.limits = Limits(answer_s=0.3 if answer == "time-out" else ANSWER_S)
    client = KINDS[kind](bench, answer)
    bench.asker = bench.workplace = client
    edit, before = make_proposal(*CHANGES[change](bench)), bench.read_all()
    verdict, questions = predict_outcome(kind, change, answer)
    if answer == "crash" and verdict is not Verdict.REFUSED:
        following = await crash_server(bench, edit, when=lambda: client.crashed)
        following.gate.journal.recover()
        journal = following.gate.journal
    else:
        outcome = await bench.gate.propose(edit)
        assert outcome.verdict is verdict, outcome.reason
        assert bool(outcome.reason) == (verdict is not Verdict.APPLIED)
        assert bool(outcome.checkpoint) == (verdict in {Verdict.APPLIED, Verdict.PARTLY})
        journal = bench.gate.journal
    assert client.questions == questions
    (request,) = journal.records.list_requests(None, 9)
    assert request.verdict == verdict
    wrote = verdict in {Verdict.APPLIED, Verdict.PARTLY}
    assert wrote == (bench.read_all() != before or bool(client.buffers))
    if answer != "crash":
        assert {row.verdict for row in journal.records.list_audit(9)} == {verdict}
        assert any(row.written for row in journal.records.list_audit(9)) == wrote
    if wrote:
        client._answer = "yes"
        assert (await bench.gate.undo(outcome.checkpoint)).verdict is Verdict.APPLIED
        assert bench.read_all() == before
        assert client.buffers in ({}, {(bench.root / "a.py").as_uri(): "x = 1\ny = 2\n"})
    await bench.gate.close()


def test_the_table_is_whole() -> None:
    assert len(CASES) == 4 * (5 * 5 - 3)
