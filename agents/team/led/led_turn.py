"""The parts that all steps of a led turn share: the counted model, calls of tools, their record, and the turn's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.tasks.task import Resources
from agents.team.events import TextArrived, TurnEnded, TurnStatus
from agents.team.led.checking import Checker
from agents.team.turn import calls
from models.chat import Message, Speaker, ToolCall
from models.chat_layers import CountedChat

if TYPE_CHECKING:
    from agents.team.limits import Spending
    from agents.team.tool import ToolResult, Workbench
    from agents.team.turn.conversation import Conversation
    from agents.team.turn.loop import Agent
    from indexing.index import Index


class LedTurn:
    """One turn of a small model.

    Attributes:
        agent: the agent.
        conversation: everything that was said; its last message was the request when the turn began.
        bench: the agent's workbench.
        spending: what the turn has spent.
        index: the index of the workspace.
        chat: the agent's model; its replies are counted in `spending`.
        resources: services for the tasks that rewrite code.
        checker: checks changed files.
        made: number of calls of tools so far.
    """

    def __init__(
        self, agent: Agent, conversation: Conversation, bench: Workbench, spending: Spending, index: Index
    ) -> None:
        self.agent = agent
        self.conversation = conversation
        self.bench = bench
        self.spending = spending
        self.index = index
        self.chat = CountedChat(agent.chat, lambda reply: spending.add(reply.usage, agent.price(reply)))
        self.resources = Resources(
            index=index, chat=self.chat, review=lambda document: tuple(bench.review(document)), read=bench.read,
            files=bench.list_files, roots=bench.roots, cancelled=self.should_stop,
        )  # fmt: skip
        self.checker = Checker(bench, agent.tools, self.call, spending)
        self.made = 0

    def build_end(self, status: TurnStatus, text: str) -> TurnEnded:
        """Return the event of the turn's end, with what the turn has spent; does not emit it."""
        spent = self.spending
        return TurnEnded(status, text, spent.steps, spent.tokens, spent.cost, round(spent.seconds, 3))

    async def call(self, tool: str, **arguments: object) -> ToolResult:
        """Run one call of a tool as if the model had asked for it; store it with its result, and return the result."""
        self.made += 1
        call = ToolCall(f"led_{self.made}", tool, arguments)
        await self.add(Message(Speaker.ASSISTANT, "", (call,)))
        prepared = await calls.prepare_call(call, self.agent.tools, self.bench)
        result = await calls.run_call(prepared, self.bench, self.spending)
        await self.add(Message(Speaker.TOOL, result.text, call_id=call.id))
        return result

    async def add(self, message: Message) -> None:
        """Append a message to the conversation and have it recorded."""
        self.conversation.add(message)
        await self.agent.record(message)

    def should_stop(self) -> bool:
        """Return whether a running answer is to be stopped: the turn was cancelled, or its time is over."""
        return self.bench.cancelled() or self.spending.is_out_of_time

    async def say(self, text: str) -> TurnEnded:
        """Show and store `text`, the program's own words, as the answer; return the event of the turn's end."""
        self.bench.emit(TextArrived(self.bench.agent, text))
        await self.add(Message(Speaker.ASSISTANT, text))
        return self.build_end(TurnStatus.DONE, text)
