"""One call of a tool: found, validated, decided about, permitted, run within its time, its result cut to size.

Nothing a model asks for runs in any other way. No error of a tool leaves `run_call`: it becomes a result that the model
can read. Start at `prepare_call`, then `run_call`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from agents.ports import permissions
from agents.ports.deployments import DeploymentUnavailable
from agents.ports.origins import Origin
from agents.ports.tracing import open_span
from agents.team import toolset
from agents.team.events import CallEnded, CallStarted
from agents.team.failure import ToolFailed
from agents.team.permissions.commands import decide_about_command
from agents.team.permissions.decision import Decision, decide
from agents.team.permissions.mcp_calls import decide_about_mcp_call
from agents.team.permissions.paths import list_names
from agents.team.permissions.readable_files import restrict_reads
from agents.team.permissions.rules import Effect
from agents.team.planning.unstarted_plan import require_started_plan
from agents.team.shown_text import escape_invisible, escape_to_line
from agents.team.tool import CANNOT_RUN, NO_TARGETS, ToolResult
from agents.tools import Risk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from pathlib import Path

    from agents.ports.commands import CommandRequest
    from agents.ports.deployments import Plan
    from agents.ports.mcp_servers import McpCall
    from agents.team.limits import Spending
    from agents.team.tool import Arguments, TeamTool, Workbench
    from agents.team.toolset import Toolset
    from models.chat import ToolCall

logger = logging.getLogger(__name__)

LONGEST_TITLE = 200
UNKNOWN = "unknown"
"""Name of a call without a tool in traces; a model's own text is not in them."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call that a model asked for, as far as it is known before it runs.

    Attributes:
        call: the call itself.
        tool: its tool; None if `problem` says why it cannot run.
        arguments: its validated arguments; None with a `problem`.
        decision: the decision about it, which is no denial; None with a `problem`.
        problem: why it cannot run, for the model; "" if it can.
        paths: files and folders that its arguments name.
        request: the command that it runs, None for none.
        mcp_call: the call of an MCP server's tool that it makes, None for none.
        plan: the plan of the action on a target that it is, None for none.
    """

    call: ToolCall
    tool: TeamTool[Any] | None = None
    arguments: Arguments | None = None
    decision: Decision | None = None
    problem: str = ""
    paths: tuple[Path, ...] = ()
    request: CommandRequest | None = None
    mcp_call: McpCall | None = None
    plan: Plan | None = None

    @property
    def is_independent_read(self) -> bool:
        """Whether the call only reads and needs no person, or cannot run at all: it may run beside other such calls."""
        if self.tool is None or self.decision is None:
            return True
        alone = self.tool.waits or self.tool.delegates or self.tool.tool.risk
        return not alone and self.decision.effect is Effect.ALLOW


async def prepare_call(call: ToolCall, tools: Toolset, bench: Workbench) -> PreparedCall:
    """Find the tool of a call, validate its arguments, decide about it, and make its plan; does not run the call.

    An error or a denial is the `problem` of the returned call.
    """
    try:
        tool = tools.find(call.name, bench.loaded)
        arguments = toolset.validate(tool, call.arguments)
        require_started_plan(tool, bench.notes)
        paths = [await bench.resolve(name) for name in tool.list_paths(arguments)]
        request = await asyncio.to_thread(tool.get_request, arguments, bench)
        mcp_call = tool.get_mcp_call(arguments)
        decision = await asyncio.to_thread(_decide, tool, request, mcp_call, paths, bench)
        plan = await _make_plan(tool, arguments, bench) if decision.effect is not Effect.DENY else None
    except ToolFailed as error:
        return PreparedCall(call, problem=str(error))
    if decision.effect is Effect.DENY:
        return PreparedCall(call, problem=decision.reason)
    if request is not None and bench.commands is None:
        return PreparedCall(call, problem=CANNOT_RUN)
    return PreparedCall(call, tool, arguments, decision, "", tuple(paths), request, mcp_call, plan)


async def run_call(prepared: PreparedCall, bench: Workbench, spending: Spending) -> ToolResult:
    """Run one call and return its result; emits its start and its end.

    Errors of the model (an unknown tool, wrong arguments), denials and failures of the tool are results, too.

    Raises:
        asyncio.CancelledError: the turn was cancelled.
    """
    call, begun = prepared.call, time.monotonic()
    identity = f"{bench.task}:{spending.steps}:{call.id}"
    title = escape_to_line(call.name if prepared.tool is None else prepared.tool.describe(prepared.arguments))
    bench.emit(CallStarted(bench.agent, identity, call.name, title[:LONGEST_TITLE], dict(call.arguments)))
    with open_span("tool", tool=UNKNOWN if prepared.tool is None else prepared.tool.name, agent=bench.agent) as span:
        try:
            result = await _run_permitted(prepared, bench, spending)
        except ToolFailed as error:
            result = ToolResult(str(error), failed=True)
        span.set(failed=result.failed, characters=len(result.text))
        span.set_text("result", result.text)
    result = _cut(result, spending.limits.result_characters)
    bench.emit(
        CallEnded(bench.agent, identity, call.name, result.text, result.failed, round(time.monotonic() - begun, 3))
    )
    return result


async def _run_permitted(prepared: PreparedCall, bench: Workbench, spending: Spending) -> ToolResult:
    """Have a call permitted where that is needed, and run it.

    Raises:
        ToolFailed: it cannot run, was not permitted, or failed.
    """
    tool, arguments, decision = prepared.tool, prepared.arguments, prepared.decision
    if tool is None or arguments is None or decision is None:
        raise ToolFailed(prepared.problem)
    task = "" if decision.is_ruled else bench.task
    own = replace(
        bench, rule=decision.rule, task=task, request=prepared.request, call=prepared.call.id, plan=prepared.plan
    )
    await _run_in_time(tool, tool.check(arguments, own), spending)
    asks = prepared.plan is None or bool(prepared.plan.commands)  # a plan without commands only says what is there
    if (
        asks and not tool.tool.edits and (decision.effect is not Effect.ALLOW or decision.rule)
    ):  # edits are asked about later
        await _permit(await _build_question(tool, prepared, decision, own), own, spending)
        if tool.tool.risk is Risk.LOW and decision.effect is Effect.ASK:
            bench.permitted.update(set(prepared.paths) - set(bench.roots))
    return await _run_in_time(tool, tool.run(arguments, restrict_reads(own, tool.tool)), spending)


def _decide(
    tool: TeamTool[Any],
    request: CommandRequest | None,
    mcp_call: McpCall | None,
    paths: Sequence[Path],
    bench: Workbench,
) -> Decision:
    """Return the decision about a call of `tool`. Blocking, because symbolic links in paths are resolved.

    Args:
        tool: the tool.
        request: the command that it would run, None for none.
        mcp_call: the call of an MCP server's tool that it would make, None for none.
        paths: paths that its arguments name.
        bench: mode, rules and exclusions.
    """
    if refusal := bench.rules.explain_unreadable():
        return Decision(Effect.DENY, refusal)
    if mcp_call is not None:
        return decide_about_mcp_call(
            mcp_call,
            tool.tool,
            mode=bench.mode,
            rules=bench.rules,
            roots=bench.roots,
            explain_exclusion=bench.explain_exclusion,
        )
    if request is None:
        names = [name for path in paths for name in list_names(path, bench.roots)]
        return decide(tool.tool, bench.mode, bench.rules, names)
    return decide_about_command(
        tool.tool,
        request.line,
        mode=bench.mode,
        rules=bench.rules,
        roots=bench.roots,
        explain_exclusion=bench.explain_exclusion,
        hides_secrets=bench.commands is not None and bench.commands.find_isolation(request).hides_secrets,
    )


async def _build_question(
    tool: TeamTool[Any], prepared: PreparedCall, decision: Decision, bench: Workbench
) -> permissions.ToolCall:
    """Return the question about a call that changes no file."""
    request, title = prepared.request, escape_to_line(tool.describe(prepared.arguments))
    why = decision.reason or "The agent needs this for its task."
    asks = decision.effect is Effect.ASK
    isolation = None
    is_any_line = tool.tool.risk is Risk.CRITICAL  # others run a fixed program
    if asks and is_any_line and request is not None and bench.commands is not None:
        isolation = await asyncio.to_thread(bench.commands.find_isolation, request)
    subject = request.shown_line if request is not None else title
    asked = tool.tool
    if prepared.mcp_call is not None:
        asked, subject = prepared.mcp_call.identity, _describe_mcp_call(prepared.mcp_call, bench)
    origin, rule = Origin(bench.session, bench.call), decision.rule
    if prepared.plan is not None:  # each deployment is asked about, whatever the rules say
        title, subject, isolation = prepared.plan.title, escape_invisible(prepared.plan.text), prepared.plan.isolation
        asks, rule = True, ""
    return permissions.ToolCall(
        asked, subject, title[:LONGEST_TITLE], why, bench.agent, bench.task, rule, asks, isolation, origin
    )


async def _make_plan(tool: TeamTool[Any], arguments: Arguments, bench: Workbench) -> Plan | None:
    """Return the plan of a call that acts on a target of deployments; None for any other call.

    Raises:
        ToolFailed: there are no targets, or the action is impossible now.
    """
    wanted = tool.get_action(arguments)
    if wanted is None:
        return None
    if bench.deployments is None:
        raise ToolFailed(NO_TARGETS)
    try:
        return await bench.deployments.plan(*wanted)
    except DeploymentUnavailable as error:
        raise ToolFailed(str(error)) from error


def _describe_mcp_call(call: McpCall, bench: Workbench) -> str:
    """Return server, tool and arguments of a call for the person who is asked, every character visible."""
    servers = bench.servers.servers if bench.servers is not None else ()
    place = next((f" ({one.location})" for one in servers if one.name == call.server), "")
    return escape_invisible(
        f"MCP server: {call.server}{place}\ntool: {call.tool}\narguments: {call.format_arguments()}"
    )


async def _permit(asked: permissions.ToolCall, bench: Workbench, spending: Spending) -> None:
    """Have a person permit a call that changes no file; adds the time of the wait to `spending.waited_s`.

    Raises:
        ToolFailed: it was not permitted.
    """
    begun = time.monotonic()
    answer = await bench.permissions.permit(asked, cancelled=bench.cancelled)
    spending.waited_s += time.monotonic() - begun
    if not answer.granted:
        raise ToolFailed(answer.reason or "The person did not permit this call; do without it, or ask why.")


async def _run_in_time(tool: TeamTool[Any], work: Awaitable[Answer], spending: Spending) -> Answer:
    """Return the result of `work`, a part of `tool`; adds the time of a tool that waits to `spending.waited_s`.

    A tool that neither waits nor delegates has `timeout_s` seconds for it, any other all the time it takes.

    Raises:
        ToolFailed: it failed, also by an error of its own, or took too long.
    """
    begun = time.monotonic()
    try:
        async with asyncio.timeout(None if tool.waits or tool.delegates else tool.timeout_s):
            return await work
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
