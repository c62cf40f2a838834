"""One turn of a small model, led by a fixed pipeline: locate the code, then change it or answer, check, fix.

A small model seldom chooses the right steps by itself, but rewrites one function and explains code that it is shown. So
the program locates the code (`agents.team.led.locating`), and the model only chooses the kind of work. A change is
checked with the review and the tests; a fix that does not improve is undone. A request without code to be found is left
to the free loop. Start at `run_led_turn`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agents.tasks.filling import Cancelled
from agents.team.events import TurnEnded, TurnStatus
from agents.team.led.answering import answer
from agents.team.led.changing import EDIT, change
from agents.team.led.file_writing import find_new_file, write_new_file
from agents.team.led.led_turn import LedTurn
from agents.team.led.locating import locate
from agents.team.led.renaming import RENAME, rename
from agents.team.led.repairing import find_named_test, repair
from agents.team.led.test_writing import write_tests
from agents.team.permissions.modes import Mode
from agents.team.permissions.readable_files import READ, restrict_reads
from agents.team.turn.loop import run_turn
from models.chat import ChatError, ChatRequest, Message, ReplyEnd, Speaker, ToolCall, ToolSpec
from models.errors import ModelError

if TYPE_CHECKING:
    from agents.team.led.given_work import GivenWork
    from agents.team.led.locating import Located
    from agents.team.limits import Spending
    from agents.team.tool import Workbench
    from agents.team.turn.conversation import Conversation
    from agents.team.turn.loop import Agent

CHOICE_TOKENS = 100
NOTHING = {"type": "object", "properties": {}}
CHANGE = ToolSpec(
    "change_function", "Change what a function does: add a parameter, add a feature, remove something.", NOTHING
)
EXPLAIN = ToolSpec(
    "explain_code",
    "Answer a question about the code (what, why, where, which, how), without changing any file.",
    NOTHING,
)
REPAIR = ToolSpec("fix_failing_test", "Correct the code because a test fails.", NOTHING)
CREATE = ToolSpec("write_new_file", "Write a new file, such as a test.", NOTHING)
KINDS = (CHANGE, EXPLAIN, RENAME, REPAIR, CREATE)
CHOOSE = "Decide what the user wants, and call one function. Never answer in words."


async def run_led_turn(agent: Agent, conversation: Conversation, bench: Workbench, spending: Spending) -> TurnEnded:
    """Run one turn, whose request is the last message of `conversation`; return how it ended.

    Without an index, or where no code is found that the request is about, the turn runs in the free loop
    (`agents.team.turn.loop`). Loads all capability sets of the agent. An error of the model ends the turn as FAILED.
    """
    given = bench.given
    prompt = conversation.messages[-1].text
    request = given.request if given is not None else prompt
    bench = restrict_reads(bench, READ)  # the pipeline reads without calls
    bench.loaded.update(bench.capabilities)  # a small model does not choose its tools
    index = bench.index
    located = await asyncio.to_thread(locate, request, index, bench) if index is not None else None
    if index is None or located is None or not located.places:
        return await run_turn(agent, conversation, bench, spending)
    turn = LedTurn(agent, conversation, bench, spending, index)
    try:
        ended = await _run(turn, request, prompt, located)
    except Cancelled:
        exceeded = "" if bench.cancelled() else spending.find_exceeded()
        ended = turn.build_end(
            TurnStatus.LIMIT if exceeded else TurnStatus.CANCELLED, exceeded or "The turn was cancelled."
        )
    except ModelError as error:
        partial = error.partial if isinstance(error, ChatError) else ""
        ended = turn.build_end(TurnStatus.FAILED, f"{error}{f' Until then: {partial}' if partial else ''}")
    bench.emit(ended)
    return ended


async def _run(turn: LedTurn, request: str, prompt: str, located: Located) -> TurnEnded:
    """Read the likeliest place, do the work, and return the end of the turn.

    Where nothing may be changed, the work is an answer. For a workflow it is what the step says; otherwise the model
    chooses the kind of work.

    Args:
        turn: the turn.
        request: the person's request, which says what code it is about.
        prompt: the whole message; of a workflow's step, the step's prompt.
        located: the code that the request is about.
    """
    if exceeded := turn.spending.find_exceeded():
        return turn.build_end(TurnStatus.LIMIT, exceeded)
    bench, first = turn.bench, located.places[0]
    last = max(first.last_line, 1)
    await turn.call("read_file", path=bench.display(first.path), first=first.first_line + 1, last=last)
    given = bench.given
    if EDIT not in turn.agent.tools.names or bench.mode is Mode.PLAN or (given and given.changes == "nothing"):
        return await answer(turn, located)
    if given is not None and given.changes == "tests":
        return await write_tests(turn, prompt, located, given)
    if given is not None:
        return await _change_code(turn, located, given)
    test = await asyncio.to_thread(find_named_test, request, bench)
    new = await asyncio.to_thread(find_new_file, request, bench)
    chosen = await _choose(turn, request)
    ended = None
    match chosen.name if chosen is not None else "":
        case RENAME.name if chosen is not None:
            ended = await rename(turn, request, chosen.arguments)
        case REPAIR.name if test is not None:
            ended = await repair(turn, request, test)
        case CREATE.name if new is not None:
            ended = await write_new_file(turn, request, located, new)
        case CHANGE.name | RENAME.name | REPAIR.name | CREATE.name:  # without what it needs, it is a change
            pass
        case _:
            ended = await answer(turn, located)
    return ended if ended is not None else await change(turn, request, located)


async def _change_code(turn: LedTurn, located: Located, given: GivenWork) -> TurnEnded:
    """Have the model change the code so that the tests of a workflow pass; return the end of the turn.

    If the model takes the request for a repair and a test file is known, it corrects single lines (`repair`), and
    rewrites functions only where that cannot be tried.
    """
    bench = turn.bench
    test = await asyncio.to_thread(find_named_test, given.request, bench)
    test = await bench.resolve(given.tests[0]) if given.tests else test
    chosen = await _choose(turn, given.request)
    ended = None
    if chosen is not None and chosen.name == REPAIR.name and test is not None:
        ended = await repair(turn, given.request, test)
    text = await asyncio.to_thread(bench.read, test) if test is not None else ""
    return ended if ended is not None else await change(turn, given.compose_instruction(text or ""), located)


async def _choose(turn: LedTurn, request: str) -> ToolCall | None:
    """Return the model's choice of the kind of work that `request` asks for; None if it answers in words.

    The same kinds are offered for each request, so that the state of the prompt before the request can be kept.

    Raises:
        Cancelled: the turn was cancelled, or its time is over.
    """
    messages = (Message(Speaker.SYSTEM, CHOOSE), Message(Speaker.USER, request))
    asked = ChatRequest(messages, KINDS, max_tokens=CHOICE_TOKENS)
    reply = await asyncio.to_thread(turn.chat.chat, asked, cancelled=turn.should_stop)
    if reply.end is ReplyEnd.CANCELLED:
        raise Cancelled
    return next(iter(reply.calls), None)
