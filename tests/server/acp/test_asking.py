"""Questions as permission requests, and their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, schema
from pydantic import ValidationError

from agents.edits import CreateFile, ProposedEdit, RenameFile
from agents.ports.person import PlanAnswer, PlanQuestion, ProposedStep
from agents.tools import EXECUTE_COMMAND, WRITE_FILE
from server.acp.asking import PermissionAsker, PermissionPerson, PermissionRequests
from server.gate.ports import Answer, Question

ROOT = Path(__file__).parent.resolve()
EDIT = ProposedEdit("Write b.py", "Needed.", "coder", (CreateFile(ROOT / "b.py", "x"),))


class Client:
    """A client that answers every permission request with `answer`: an option's id, "" to cancel, or an exception."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[schema.ToolCallUpdate, list[schema.PermissionOption]]] = []

    async def request(self, call: schema.ToolCallUpdate, options: list[schema.PermissionOption]) -> Any:
        """Store the request, and answer."""
        self.asked.append((call, options))
        if isinstance(self.answer, Exception):
            raise self.answer
        if not self.answer:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        chosen = schema.AllowedOutcome(outcome="selected", option_id=self.answer)
        return schema.RequestPermissionResponse(outcome=chosen)


def ask_edit(*, may_remember: bool = True, proposal: ProposedEdit = EDIT) -> Question:
    """Return a question about an edit."""
    return Question("q1", WRITE_FILE, proposal.title, proposal.why, "coder", "+x", (), may_remember, proposal)


ASK_COMMAND = Question("q2", EXECUTE_COMMAND, "Run the tests", "To see.", "tester", "pytest -q `x`", ("It writes.",))


def make_invalid_response() -> ValidationError:
    """Return the error of a response that has another form."""
    with pytest.raises(ValidationError) as caught:
        schema.RequestPermissionResponse.model_validate({"outcome": 5})
    return caught.value


@pytest.mark.parametrize(
    ("chosen", "answer"),
    [
        ("approve", Answer.APPROVE),
        ("approve-task", Answer.APPROVE_TASK),
        ("reject", Answer.REJECT),
        ("", Answer.REJECT),
        ("approve-rule", Answer.REJECT),
        ("Apply", Answer.REJECT),
        (ConnectionError("gone"), Answer.REJECT),
        (make_invalid_response(), Answer.REJECT),
        (RequestError.internal_error(), Answer.REJECT),
        (RequestError.method_not_found("session/request_permission"), Answer.UNABLE),
    ],
)
async def test_only_a_choice_that_was_offered_is_a_yes(chosen: str | Exception, answer: Answer) -> None:
    client = Client(chosen)
    assert await PermissionAsker(PermissionRequests(client.request)).ask(ask_edit()) is answer


async def test_what_is_not_offered_cannot_be_chosen() -> None:
    client = Client("approve-task")
    asker = PermissionAsker(PermissionRequests(client.request))
    assert await asker.ask(ask_edit(may_remember=False)) is Answer.REJECT
    assert [one.kind for one in client.asked[0][1]] == ["allow_once", "reject_once"]


async def test_an_edit_is_asked_about_with_its_diff_and_file() -> None:
    client = Client("")
    await PermissionAsker(PermissionRequests(client.request)).ask(ask_edit())
    ((call, _),) = client.asked
    assert call.content is not None
    assert call.locations is not None
    assert [one.type for one in call.content] == ["diff", "content"]
    assert call.kind == "edit"
    assert [one.path for one in call.locations] == [str(ROOT / "b.py")]


async def test_a_renaming_is_asked_about_with_the_words_of_the_diff() -> None:
    client = Client("")
    moved = ProposedEdit("Rename b.py", "", "coder", (RenameFile(ROOT / "b.py", ROOT / "c.py"),))
    await PermissionAsker(PermissionRequests(client.request)).ask(ask_edit(proposal=moved))
    assert client.asked[0][0].content[1].content.text == "```\n+x\n```"  # type: ignore[index, union-attr]


async def test_a_command_is_asked_about_in_full_with_warnings_as_code() -> None:
    client = Client("")
    await PermissionAsker(PermissionRequests(client.request)).ask(ASK_COMMAND)
    ((call, options),) = client.asked
    head, line = [one.content.text for one in call.content or []]  # type: ignore[union-attr]
    assert "Warning: It writes." in head
    assert line == "```\npytest -q `x`\n```"
    assert [one.name for one in options] == ["Run", "Reject"]


async def test_a_question_fetches_nothing() -> None:
    client = Client("")
    hostile = ProposedEdit("![t](http://192.0.2.1/t)", "![w](http://192.0.2.1/w)", "coder", EDIT.changes)
    await PermissionAsker(PermissionRequests(client.request)).ask(ask_edit(proposal=hostile))
    ((call, _),) = client.asked
    assert "`![t](http://192.0.2.1/t)" in str(call.title)
    assert "`![w](http://192.0.2.1/w)`" in call.content[-1].content.text  # type: ignore[index, union-attr]


async def test_a_choice_is_asked_and_free_text_is_not() -> None:
    client = Client("1")
    person = PermissionPerson(PermissionRequests(client.request))
    assert await person.ask("Which?", ("first", "second")) == "second"
    assert await person.ask("What name?") is None
    assert len(client.asked) == 1


@pytest.mark.parametrize("chosen", ["", "7", "first", ConnectionError("gone"), RequestError.internal_error()])
async def test_no_valid_choice_is_no_answer(chosen: str | Exception) -> None:
    person = PermissionPerson(PermissionRequests(Client(chosen).request))
    assert await person.ask("Which?", ("first", "second")) is None


PLAN = PlanQuestion(
    "A log", (ProposedStep("Design ![x](http://192.0.2.1/x)", "architect"),), ("orchestrator", "architect")
)


@pytest.mark.parametrize(
    ("chosen", "answer"),
    [
        ("start", PlanAnswer(PLAN.steps)),
        ("stop", PlanAnswer()),
        ("", None),
        ("approve", None),
        (RequestError.method_not_found("session/request_permission"), None),
    ],
)
async def test_a_plan_is_started_as_it_is_or_not(chosen: str | Exception, answer: PlanAnswer | None) -> None:
    client = Client(chosen)
    assert await PermissionPerson(PermissionRequests(client.request)).confirm_plan(PLAN) == answer
    ((call, options),) = client.asked
    assert [(one.name, one.kind) for one in options] == [("Start", "allow_once"), ("Don't start", "reject_once")]
    assert call.title == "Start this plan? A log"
    shown = call.content[0].content.text  # type: ignore[index, union-attr]
    assert shown.startswith("1. architect: Design")
    assert "![x](http" not in shown.replace("`![x](http", "")
