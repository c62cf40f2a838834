"""Questions of agents, asked in the editor. Implements `agents.ports.person.Person`.

Choices are asked as a message with buttons (`window/showMessageRequest`). A question for any text needs a client that
declares `{"starling": {"ask": true}}` in `experimental`: it gets `starling/ask` with `{question, choices}` for every
question and returns `{answer: TEXT}`, null for no answer.

A client that declares `{"starling": {"plan": true}}` gets a plan to confirm with `starling/plan`
(`build_plan_params`); in others the plan is the text of a message with the buttons Start and No. Start at
`EditorPerson.ask`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from agents.ports.person import PlanAnswer, ProposedStep
from agents.team.planning.plan_lines import format_step
from agents.team.shown_text import escape_to_markdown
from server.gate.question.printing import replace_unprintable
from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pygls.lsp.server import LanguageServer

    from agents.ports.person import PlanQuestion
    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

ASK = "starling/ask"
PLAN = "starling/plan"
ANSWER_WAIT_S = 300.0  # for a person; as long as the gate waits
PLAN_WAIT_S = 1800.0  # for a person who edits a plan
CHECK_S = 0.1  # between two looks whether the question is still needed
START, NO = "Start", "No"
START_PLAN = "Start this plan?"


class EditorPerson:
    """The person in front of the editor at the other end of a connection.

    Args:
        server: the connection to the editor.
        client: returns the client's capabilities.
        is_cancelled: returns whether nobody needs the answer any more; checked while the person thinks.
    """

    def __init__(self, server: LanguageServer, client: Callable[[], Client], is_cancelled: Callable[[], bool]) -> None:
        self._server = server
        self._client = client
        self._is_cancelled = is_cancelled

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Ask the person and return the answer, one of `choices` if any are given; None without an answer."""
        shown = {replace_unprintable(choice): choice for choice in choices}
        try:
            if self._client().asks:
                answer = await self._ask_in_client_view(replace_unprintable(question), [*shown])
            elif shown:
                answer = await self._choose(replace_unprintable(question), [*shown])
            else:
                return None
        except (TimeoutError, JsonRpcException) as error:
            logger.info("nobody answered a question of an agent: %s", error or "no answer in time")
            return None
        if answer is None or not shown:
            return answer or None
        return shown.get(answer)

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Ask the person about a plan, which some clients can edit, and return the answer; None if nobody answers."""
        if not self._client().plans:
            return await self._confirm_plan_in_message(question)
        try:
            answer = await self._send_question(PLAN, build_plan_params(question), limit_s=PLAN_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("nobody answered whether a plan may start: %s", error or "no answer in time")
            return None
        return _read_plan_answer(answer)

    async def _confirm_plan_in_message(self, question: PlanQuestion) -> PlanAnswer | None:
        """Ask about a plan with the buttons Start and No, and return the answer; None if nobody answers."""
        numbered = (f"{number}. {format_step(one)}" for number, one in enumerate(question.steps, 1))
        text = escape_to_markdown("\n".join([f"{START_PLAN} {question.title}", *numbered]))
        answer = await self.ask(text, (START, NO))
        if answer is None:
            return None
        return PlanAnswer(question.steps) if answer == START else PlanAnswer()

    async def _ask_in_client_view(self, question: str, choices: Sequence[str]) -> str | None:
        """Send `starling/ask` and return the answer; None if there is none, or it has another form."""
        params = {"question": question, "choices": choices}
        answer = await self._send_question(ASK, params)
        given = answer.get("answer") if isinstance(answer, dict) else getattr(answer, "answer", None)
        return given if isinstance(given, str) else None

    async def _choose(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask in a message box and return the title that the person chose, None for a closed box."""
        params = types.ShowMessageRequestParams(
            types.MessageType.Info, question, [types.MessageActionItem(choice) for choice in choices]
        )
        chosen = await self._send_question(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        return None if chosen is None else str(chosen.title)

    async def _send_question(self, method: str, params: object, limit_s: float = ANSWER_WAIT_S) -> Any:  # noqa: ANN401 (each method has its own)
        """Send a question to the client and return its answer.

        Withdraws the question after `limit_s` seconds, or once nobody needs the answer any more.

        Raises:
            TimeoutError: the question was withdrawn.
            JsonRpcException: the client answered with an error.
        """
        asking = asyncio.create_task(ask_client(self._server, method, params, limit_s=limit_s))
        try:
            while not asking.done():
                if self._is_cancelled():
                    raise TimeoutError
                await asyncio.wait((asking,), timeout=CHECK_S)
            return asking.result()
        finally:
            asking.cancel()


def build_plan_params(question: PlanQuestion) -> dict[str, Any]:
    """Return the parameters of `starling/plan` as JSON."""
    return {
        "title": replace_unprintable(question.title),
        "steps": [{"title": replace_unprintable(one.title), "role": one.role} for one in question.steps],
        "roles": list(question.roles),
        "problem": replace_unprintable(question.problem),
    }


def _read_plan_answer(answer: object) -> PlanAnswer | None:
    """Return the client's answer to `starling/plan`: the plan's steps, a remark, or for null a refusal.

    None for JSON of any other form.
    """
    if answer is None:
        return PlanAnswer()
    steps, remark = _get_field(answer, "steps"), _get_field(answer, "remark")
    if isinstance(steps, list | tuple):
        pairs = [(_get_field(one, "title"), _get_field(one, "role") or "") for one in steps]
        written = [
            ProposedStep(title, role) for title, role in pairs if isinstance(title, str) and isinstance(role, str)
        ]
        return PlanAnswer(tuple(written)) if len(written) == len(pairs) else None
    return PlanAnswer(remark=remark) if isinstance(remark, str) else None


def _get_field(given: object, name: str) -> object:
    """Return a field of a JSON object, which the connection may have read as a record; None without such a field."""
    return given.get(name) if isinstance(given, dict) else getattr(given, name, None)
