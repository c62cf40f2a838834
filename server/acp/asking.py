"""Questions to the person, asked by the permission requests of the protocol. Start at `PermissionAsker`."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

from acp import RequestError, schema
from pydantic import ValidationError

from agents.ports.person import PlanAnswer
from agents.team.events import PlanChanged
from agents.team.planning.plan_lines import format_step
from agents.team.session_notes import StepStatus
from server.acp import tool_calls
from server.acp.tool_calls import choose_kind, make_code_content, make_line, make_text_content
from server.gate.ports import Answer
from server.gate.question import wording

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from acp.schema import PermissionOptionKind, ToolKind

    from agents.ports.person import PlanQuestion
    from server.acp.turn_view import TurnView
    from server.gate.ports import Question

    SendRequest = Callable[[schema.ToolCallUpdate, list[schema.PermissionOption]], Awaitable[Any]]

logger = logging.getLogger(__name__)

METHOD_NOT_FOUND = -32601
OPTION_KINDS: dict[Answer, PermissionOptionKind] = {
    Answer.APPROVE: "allow_once",
    Answer.APPROVE_TASK: "allow_always",
    Answer.REJECT: "reject_once",
}


class PermissionRequests:
    """Permission requests of one session, each about the call that runs in its turn.

    Attributes:
        view: the present turn; None between turns.

    Args:
        send: sends a permission request and returns the client's response.
    """

    def __init__(self, send: SendRequest) -> None:
        self.view: TurnView | None = None
        self._send = send

    async def choose(
        self,
        title: str,
        content: list[Any],
        options: list[schema.PermissionOption],
        files: list[schema.ToolCallLocation] | None = None,
        kind: ToolKind | None = None,
    ) -> str:
        """Ask the person, once all earlier updates are shown; return the id of the chosen option.

        Returns "" if the person chooses none, the client gives no valid response, or it has left.

        Args:
            title: the question in a line.
            content: what the person reads before answering.
            options: the answers.
            files: the files that the question is about, if any.
            kind: kind of the call that is asked about, if it is known; some clients show it, or answer by it.

        Raises:
            RequestError: the client answers with an error.
        """
        identity = uuid.uuid4().hex
        call = await self.view.begin_question(identity, make_line(title)) if self.view is not None else identity
        asked = schema.ToolCallUpdate(
            tool_call_id=call,
            title=make_line(title),
            status="pending",
            content=content,
            locations=files,
            kind=kind,
        )
        try:
            outcome = (await self._send(asked, options)).outcome
        except (ConnectionError, ValidationError) as error:
            logger.warning("the client gave no valid answer to a question: %s", type(error).__name__)
            return ""
        finally:
            if self.view is not None and call == identity:
                self.view.end_question(call)
        return str(outcome.option_id) if isinstance(outcome, schema.AllowedOutcome) else ""


class PermissionAsker:
    """Asks for the gate. Implements `server.gate.ports.Asker`."""

    def __init__(self, requests: PermissionRequests) -> None:
        self._requests = requests

    def asks_while_applying(self, question: Question) -> bool:  # noqa: ARG002 (the client applies nothing)
        """Return False: here the question is always asked before the change is applied."""
        return False

    def find_obstacle(self, question: Question) -> str:  # noqa: ARG002 (any question can be asked)
        """Return "": whether a client can ask is known only from its response."""
        return ""

    async def ask(self, question: Question) -> Answer:
        """Ask the person by a permission request with the diffs or the command line, and return the answer.

        An answer that was not offered, a cancellation, an error and a client that has left are a rejection. Returns
        `UNABLE` if the client does not know permission requests.
        """
        offered = {words: answer for words, answer in wording.list_answers(question).items() if answer is not None}
        options = [
            schema.PermissionOption(option_id=answer.value, name=words, kind=OPTION_KINDS[answer])
            for words, answer in offered.items()
        ]
        files = tool_calls.list_locations(question.proposal) if question.proposal is not None else []
        title, content = wording.format_line(question), _list_content(question)
        try:
            kind = choose_kind(question.tool)
            chosen = await self._requests.choose(title, content, options, files or None, kind)
        except RequestError as error:
            return Answer.UNABLE if error.code == METHOD_NOT_FOUND else Answer.REJECT
        return next((answer for answer in offered.values() if answer.value == chosen), Answer.REJECT)


class PermissionPerson:
    """Asks for agents, where a question has choices or is about a plan. Implements `agents.ports.person.Person`."""

    def __init__(self, requests: PermissionRequests) -> None:
        self._requests = requests

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Ask the person to choose one of `choices`, and return it; None without choices, an answer or on an error."""
        if not choices:
            return None  # the protocol has no request for any text
        options = [
            schema.PermissionOption(option_id=str(number), name=make_line(choice), kind="allow_once")
            for number, choice in enumerate(choices)
        ]
        try:
            chosen = await self._requests.choose(question, [], options)
        except RequestError:
            return None
        return next((choice for number, choice in enumerate(choices) if str(number) == chosen), None)

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Show the plan, and ask whether to start it.

        Returns an answer with all steps for a yes, and one without steps for a no; None if the person chooses nothing,
        or the client answers with an error. The protocol has no edited plan: the next prompt may say what to change.
        """
        if self._requests.view is not None:
            self._requests.view.show(PlanChanged(tuple((one.title, StepStatus.OPEN.value) for one in question.steps)))
        options = [
            schema.PermissionOption(option_id="start", name="Start", kind="allow_once"),
            schema.PermissionOption(option_id="stop", name="Don't start", kind="reject_once"),
        ]
        numbered = "\n".join(f"{number}. {make_line(format_step(one))}" for number, one in enumerate(question.steps, 1))
        try:
            chosen = await self._requests.choose(
                f"Start this plan? {question.title}", [make_text_content(numbered)], options
            )
        except RequestError:
            return None
        return {"start": PlanAnswer(question.steps), "stop": PlanAnswer()}.get(chosen)


def _list_content(question: Question) -> list[Any]:
    """Return the content of a question: the diffs of an edit, then who asks and why, with all warnings.

    Diffs come first, because CodeCompanion shows a diff only there. For a command, its line comes last. If a change has
    no diff in the protocol, as a renaming, the unified diff comes before the diffs, and the text before both.
    """
    changes = question.proposal.changes if question.proposal is not None else ()
    diffs = tool_calls.list_diffs(question.proposal) if question.proposal is not None else []
    head = make_text_content("\n\n".join(wording.format_head(question).split("\n")))
    if changes and len(diffs) == len(changes):
        return [*diffs, head]
    return [head, make_code_content(question.diff), *diffs]
