"""One turn of an agent: the model answers, its calls are run, their results go back to it, until it is done.

Holds no other logic than this order; limits, conversation, repetition and calls are modules of their own. Every event
is emitted, so that a recorder can store the turn and a scripted model can replay it. Start at `run_turn`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.events import Noted, TextArrived, TurnEnded, TurnStatus
from agents.team.tool import ToolResult
from agents.team.turn import calls, compaction
from agents.team.turn.repetition import RepetitionDetector
from models.chat import ChatError, ChatRequest, Fault, Message, ReplyEnd, Speaker
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from agents.team.limits import Spending
    from agents.team.tool import Workbench
    from agents.team.toolset import Toolset
    from agents.team.turn.calls import PreparedCall
    from agents.team.turn.conversation import Conversation
    from models.chat import ChatModel, Reply, ToolCall

NOT_RUN = "[not run: the turn was cancelled]"
REPEATED = (
    "[The program: your last steps were the same calls with the same results. Do something else, or finish and say "
    "what is missing.]"
)

UNREADABLE = (
    "[The program: your last answer was empty or could not be read; answer again. A call takes one whole JSON object.]"
)
NO_ANSWER = "The model answered nothing, twice; ask again in other words, or choose another model with `chat.model`."


async def record_nothing(_: Message) -> None:
    """Store nothing: for turns that nobody resumes."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent in a turn.

    Attributes:
        chat: its model.
        tools: the tools that it may use.
        instructions: returns the text before the conversation: role, rules, plan and facts as they are now.
        temperature: of its model; None for the endpoint's default.
        price: returns the cost of one answer from its reply.
        record: stores each message that is added to the conversation.
    """

    chat: ChatModel
    tools: Toolset
    instructions: Callable[[], str]
    temperature: float | None = 0.0
    price: Callable[[Reply], float] = lambda _: 0.0
    record: Callable[[Message], Awaitable[None]] = record_nothing


async def run_turn(agent: Agent, conversation: Conversation, bench: Workbench, spending: Spending) -> TurnEnded:
    """Run one turn, whose request is the last message of `conversation`; return how it ended.

    The conversation then holds everything that was said, so that the next turn continues it. An error of the model ends
    the turn as FAILED.
    """
    turn = _Turn(agent, conversation, bench, spending)
    try:
        ended = await turn.run()
    except ChatError as error:
        what = f" Until then: {error.partial}" if error.partial else ""
        ended = turn.build_end(TurnStatus.FAILED, f"{error}{what}")
    except ModelError as error:
        ended = turn.build_end(TurnStatus.FAILED, str(error))
    bench.emit(ended)
    return ended


class _Turn:
    """One turn of an agent: steps until it ends."""

    def __init__(self, agent: Agent, conversation: Conversation, bench: Workbench, spending: Spending) -> None:
        self._agent = agent
        self._conversation = conversation
        self._bench = bench
        self._spending = spending
        self._repetition = RepetitionDetector()
        self._warned = False

    async def run(self) -> TurnEnded:
        """Repeat steps until the model is done or repeats itself, the turn is cancelled, or a limit is reached.

        Return the event of the turn's end; does not emit it.

        Raises:
            ModelError: the model does not answer.
        """
        while True:
            if self._bench.cancelled() or self._spending.find_exceeded():
                return self._end_early()
            await compaction.make_room(self._conversation, self._agent, self._spending, self._bench)
            reply = await self._ask_until_readable()
            await self._add(Message(Speaker.ASSISTANT, reply.text, reply.calls))
            if reply.end is ReplyEnd.CANCELLED:
                for call in reply.calls:
                    await self._add(Message(Speaker.TOOL, NOT_RUN, call_id=call.id))
                return self._end_early()
            if not reply.calls:
                return self.build_end(TurnStatus.DONE, reply.text)
            results = await self._run_calls(reply.calls)
            if (final := next((one.text for one in results if one.ends), None)) is not None:
                return self.build_end(TurnStatus.DONE, final)
            if await self._handle_repetition(reply.calls, results):
                return self.build_end(
                    TurnStatus.REPEATED, "The agent repeated itself without a new result, and was stopped."
                )

    def build_end(self, status: TurnStatus, text: str) -> TurnEnded:
        """Return the event of the turn's end, with what the turn has spent; does not emit it."""
        spent = self._spending
        return TurnEnded(status, text, spent.steps, spent.tokens, spent.cost, round(spent.seconds, 3))

    def _end_early(self) -> TurnEnded:
        """Return the event of the end of a turn that was cancelled, or that has reached a limit."""
        exceeded = "" if self._bench.cancelled() else self._spending.find_exceeded()
        return self.build_end(
            TurnStatus.LIMIT if exceeded else TurnStatus.CANCELLED, exceeded or "The turn was cancelled."
        )

    async def _ask_until_readable(self) -> Reply:
        """Ask the model; if its answer is empty or cannot be read, tell it so and ask once more.

        Raises:
            ChatError: the model does not answer, or the second answer is empty or cannot be read either.
        """
        try:
            return await self._ask()
        except ChatError as error:
            if error.fault is not Fault.MALFORMED or self._bench.cancelled():
                raise
        await self._add(Message(Speaker.USER, UNREADABLE))
        self._bench.emit(Noted("The model's answer was empty or could not be read; it was asked once more."))
        return await self._ask()

    async def _ask(self) -> Reply:
        """Ask the model in a thread, with its text emitted as it arrives, and count the answer.

        If the turn is cancelled or out of time, the answer has what had arrived until then, and the end CANCELLED.

        Raises:
            ChatError: the model does not answer, or its answer is empty without having been cancelled.
        """
        agent, bench, spent = self._agent, self._bench, self._spending
        messages, tools = self._conversation.build(agent.instructions()), agent.tools.list_specs(bench.loaded)
        request = ChatRequest(messages, tools, max_tokens=spent.limits.answer_tokens, temperature=agent.temperature)

        def pass_on(text: str) -> None:
            bench.emit(TextArrived(bench.agent, text))

        reply = await asyncio.to_thread(
            agent.chat.chat, request, cancelled=lambda: bench.cancelled() or spent.is_out_of_time, on_text=pass_on
        )
        spent.add(reply.usage, agent.price(reply))
        if not (reply.calls or reply.text.strip() or reply.end is ReplyEnd.CANCELLED):
            raise ChatError(NO_ANSWER, Fault.MALFORMED)
        if reply.end is ReplyEnd.LENGTH:
            bench.emit(Noted("The answer was cut off at its limit; say `go on` for the rest."))
        return reply

    async def _add(self, message: Message) -> None:
        """Append a message to the conversation and have it recorded, before anything else happens."""
        self._conversation.add(message)
        await self._agent.record(message)

    async def _run_calls(self, wanted: Sequence[ToolCall]) -> list[ToolResult]:
        """Run the calls until cancelled, reads that follow each other in parallel, others by themselves.

        Store and return a result for each; one that was not run has `NOT_RUN`.
        """
        results: list[ToolResult] = []
        while len(results) < len(wanted):
            group = await self._prepare_group(wanted[len(results) :])
            if self._bench.cancelled():
                done = [ToolResult(NOT_RUN, failed=True) for _ in group]
            else:
                done = list(await asyncio.gather(*(calls.run_call(one, self._bench, self._spending) for one in group)))
            for one, result in zip(group, done, strict=True):
                await self._add(Message(Speaker.TOOL, result.text, call_id=one.call.id))
            results += done
        return results

    async def _prepare_group(self, wanted: Sequence[ToolCall]) -> list[PreparedCall]:
        """Prepare the calls that run next, at once: reads up to `parallel_reads`, or a single other call."""
        group: list[PreparedCall] = []
        for call in wanted[: self._spending.limits.parallel_reads]:
            prepared = await calls.prepare_call(call, self._agent.tools, self._bench)
            if group and not prepared.is_independent_read:
                break
            group.append(prepared)
            if not prepared.is_independent_read:
                break
        return group

    async def _handle_repetition(self, wanted: Sequence[ToolCall], results: Sequence[ToolResult]) -> bool:
        """Record a step, and tell the agent once if it repeats itself; return whether it does so a second time."""
        said = json.dumps([(one.name, dict(one.arguments)) for one in wanted], sort_keys=True, default=str)
        if not self._repetition.add(said, "\0".join(one.text for one in results)):
            return False
        if self._warned:
            return True
        self._warned = True
        self._repetition.clear()
        await self._add(Message(Speaker.USER, REPEATED))
        self._bench.emit(Noted("The agent repeats itself; it was told to do something else."))
        return False
