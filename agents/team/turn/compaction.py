"""Making room in a conversation that fills half of the model's window: older output goes first, then the middle.

Results of calls that do not even then fit the window are cut.

Nothing is cut silently: an event says what was dropped, and a line stands in its place. Start at `make_room`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from agents.team.events import Noted
from models.chat import ChatError, ChatRequest, Fault, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.team.limits import Spending
    from agents.team.tool import Workbench
    from agents.team.turn.conversation import Conversation
    from models.chat import ChatModel, Reply

RESULT_SHARE = 0.8
"""Share of the window that instructions, messages and the answer may take; the tools' descriptions need the rest."""

SUMMARISE = (
    "Summarise the conversation above for the agent that continues it: what was asked for, what is known about the "
    "code (files, names, lines), what was changed, what failed and why, what is left. Facts only, at most 300 words."
)


class Summariser(Protocol):
    """The parts of an agent that a summary needs."""

    @property
    def chat(self) -> ChatModel:
        """The model that writes the summary."""
        ...

    @property
    def instructions(self) -> Callable[[], str]:
        """Returns the text before the conversation."""
        ...

    @property
    def price(self) -> Callable[[Reply], float]:
        """Returns the cost of one answer."""
        ...


async def make_room(conversation: Conversation, agent: Summariser, spending: Spending, bench: Workbench) -> None:
    """Drop older output from the conversation if it fills more than half of the window.

    If that is not enough, has its middle summarised by the model, and cuts the results of calls that do not fit even
    then.

    Raises:
        ChatError: even then there is no room for half of an answer, or the model that summarises does not answer.
    """
    answer = spending.limits.answer_tokens
    if not await asyncio.to_thread(conversation.is_full, agent.instructions(), answer):
        return
    if saved := await asyncio.to_thread(conversation.drop_old_output):
        bench.emit(Noted(f"Output of older calls was dropped ({saved:,} tokens)."))
    if not await asyncio.to_thread(conversation.is_full, agent.instructions(), answer):
        return
    middle = await asyncio.to_thread(conversation.list_middle)
    if len(middle) > 1 and (summary := await _summarise(middle, agent, spending, bench)):
        await asyncio.to_thread(conversation.replace_middle, summary)
        bench.emit(Noted("The middle of the conversation was summarised."))
    await _cut_results(conversation, agent, answer, bench)
    room = agent.chat.context_tokens - await asyncio.to_thread(lambda: conversation.tokens)
    if room < answer // 2:
        raise ChatError(
            f"The conversation no longer fits the window of {agent.chat.name}; start a new session.", Fault.TOO_LONG
        )


async def _cut_results(conversation: Conversation, agent: Summariser, answer: int, bench: Workbench) -> None:
    """Cut the results of calls to what fits the window together with `answer` tokens of an answer, and say so."""
    taken = await asyncio.to_thread(agent.chat.count_tokens, agent.instructions())
    most = int(agent.chat.context_tokens * RESULT_SHARE) - taken - answer
    if count := await asyncio.to_thread(conversation.cut_output, most):
        bench.emit(Noted(f"{count} results of calls were cut, because together they did not fit the model's window."))


async def _summarise(middle: tuple[Message, ...], agent: Summariser, spending: Spending, bench: Workbench) -> str:
    """Return the model's summary of `middle`, "" if it gave none or was cut off; counts its cost."""
    messages = (Message(Speaker.SYSTEM, "You summarise conversations."), *middle, Message(Speaker.USER, SUMMARISE))
    request = ChatRequest(messages, max_tokens=spending.limits.answer_tokens, words=True)
    reply = await asyncio.to_thread(agent.chat.chat, request, cancelled=bench.cancelled)
    spending.add(reply.usage, agent.price(reply))
    return reply.text.strip() if reply.end is ReplyEnd.END else ""
