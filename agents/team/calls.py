"""One call of a tool: found, validated, decided about, permitted, run within its time, its result cut to size.

Nothing a model asks for runs in any other way. No error of a tool leaves `run_call`: it becomes a result that the model
can read. Start at `run_call`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agents.ports import permissions
from agents.team import toolset
from agents.team.events import CallEnded, CallStarted
from agents.team.failure import ToolFailed
from agents.team.permissions.commands import decide_about_command
from agents.team.permissions.decision import decide
from agents.team.permissions.rules import Effect
from agents.team.tool import ToolResult

if TYPE_CHECKING:
    from agents.team.limits import Spending
    from agents.team.permissions.decision import Decision
    from agents.team.tool import Arguments, TeamTool, Workbench
    from agents.team.toolset import Toolset
    from models.chat import ToolCall

logger = logging.getLogger(__name__)

LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A call that may run: its tool, its arguments, and the decision about it."""

    tool: TeamTool[Any]
    arguments: Arguments
    decision: Decision


def is_independent_read(call: ToolCall, tools: Toolset, bench: Workbench) -> bool:
    """Return whether the call only reads and needs no person, so that it may run beside other such calls."""
    try:
        prepared = _prepare(call, tools, bench)
    except ToolFailed:
        return True
    tool = prepared.tool.tool
    return not tool.edits and not tool.risk and prepared.decision.effect is Effect.ALLOW


async def run_call(call: ToolCall, tools: Toolset, bench: Workbench, spending: Spending) -> ToolResult:
    """Run one call that a model asked for and return its result; emits its start and its end.

    Errors of the model (an unknown tool, wrong arguments), denials and failures of the tool are results, too.

    Raises:
        asyncio.CancelledError: the turn was cancelled.
    """
    begun, identity = time.monotonic(), f"{bench.task}:{spending.steps}:{call.id}"
    title = call.name[:LONGEST_TITLE]
    try:
        prepared = _prepare(call, tools, bench)
        title = prepared.tool.describe(prepared.arguments)[:LONGEST_TITLE]
        bench.emit(CallStarted(bench.agent, identity, call.name, title, dict(call.arguments)))
        await _permit(prepared, title, bench, spending)
        result = await _run_in_time(prepared, replace(bench, rule=prepared.decision.rule), spending)
    except ToolFailed as error:
        if title == call.name[:LONGEST_TITLE]:
            bench.emit(CallStarted(bench.agent, identity, call.name, title, dict(call.arguments)))
        result = ToolResult(str(error), failed=True)
    result = _cut(result, spending.limits.result_characters)
    bench.emit(
        CallEnded(bench.agent, identity, call.name, result.text, result.failed, round(time.monotonic() - begun, 3))
    )
    return result


def _prepare(call: ToolCall, tools: Toolset, bench: Workbench) -> _Prepared:
    """Return the call with its tool, valid arguments and a decision that is not a denial.

    Raises:
        ToolFailed: there is no such tool, the arguments do not fit, or the call is denied.
    """
    tool = tools.find(call.name, bench.loaded)
    arguments = toolset.validate(tool, call.arguments)
    paths = tuple(bench.display(bench.resolve(name)) for name in tool.list_paths(arguments))
    line = tool.get_command(arguments)
    if line:
        decision = decide_about_command(
            tool.tool,
            line,
            mode=bench.mode,
            rules=bench.rules,
            roots=bench.roots,
            explain_exclusion=bench.explain_exclusion,
            hides_secrets=bench.commands is not None and bench.commands.isolation.hides_secrets,
        )
    else:
        decision = decide(tool.tool, bench.mode, bench.rules, paths)
    if decision.effect is Effect.DENY:
        raise ToolFailed(decision.reason)
    return _Prepared(tool, arguments, decision)


async def _permit(prepared: _Prepared, title: str, bench: Workbench, spending: Spending) -> None:
    """Have a person permit a call that needs it; edits are asked about when they are proposed.

    Raises:
        ToolFailed: the call was not permitted.
    """
    tool, decision = prepared.tool, prepared.decision
    if tool.tool.edits or (decision.effect is Effect.ALLOW and not decision.rule):
        return
    subject = tool.get_command(prepared.arguments) or title
    why = decision.reason or "The agent needs this for its task."
    asks = decision.effect is Effect.ASK
    asked = permissions.ToolCall(tool.tool, subject, title, why, bench.agent, bench.task, decision.rule, asks)
    begun = time.monotonic()
    answer = await bench.permissions.permit(asked, cancelled=bench.cancelled)
    spending.waited_s += time.monotonic() - begun
    if not answer.granted:
        raise ToolFailed(answer.reason or "The person did not permit this call; do without it, or ask why.")


async def _run_in_time(prepared: _Prepared, bench: Workbench, spending: Spending) -> ToolResult:
    """Run the tool within its time; waits for a person inside of it (an edit's question) have no limit here.

    Raises:
        ToolFailed: it failed, also by an error of its own, or took too long.
    """
    tool = prepared.tool
    begun = time.monotonic()
    try:
        async with asyncio.timeout(None if tool.waits else tool.timeout_s):
            return await tool.run(prepared.arguments, bench)
    except TimeoutError:
        raise ToolFailed(f"{tool.name} was stopped after {tool.timeout_s:g} seconds; ask for less.") from None
    except (ToolFailed, asyncio.CancelledError):
        raise
    except Exception as error:
        logger.exception("a tool failed", extra={"tool": tool.name})
        raise ToolFailed(f"{tool.name} failed ({type(error).__name__}); try another way.") from error
    finally:
        if tool.waits:
            spending.waited_s += time.monotonic() - begun


def _cut(result: ToolResult, most: int) -> ToolResult:
    """Return the result with about `most` characters: its start, a line that says what is left out, and its end."""
    text = result.text
    if len(text) <= most:
        return result
    head, tail = text[: most * 2 // 3], text[-(most // 3) :]
    missing = len(text) - len(head) - len(tail)
    cut = f"{head}\n[... {missing:,} characters left out; ask for a smaller part ...]\n{tail}"
    return ToolResult(cut, result.failed, result.changed, result.ends)
