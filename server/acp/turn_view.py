"""One turn as the client shows it: events of the team become updates of the protocol. Start at `TurnView.show`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from acp import helpers

from agents.team import events
from agents.team.events import TurnStatus
from agents.team.session_notes import StepStatus
from server.acp import tool_calls
from server.acp.tool_calls import describe_call, make_code_content, make_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from acp.schema import PlanEntryStatus, StopReason, ToolCallStatus

    from agents.edits import ProposedEdit
    from agents.team.events import Event, TurnEnded
    from agents.team.tool import TeamTool
    from server.acp.update_sender import UpdateSender

STEP_STATUS: dict[str, PlanEntryStatus] = {
    StepStatus.OPEN: "pending",
    StepStatus.ACTIVE: "in_progress",
    StepStatus.DONE: "completed",
    StepStatus.DROPPED: "completed",
}
STOP_REASONS: dict[TurnStatus, StopReason] = {
    TurnStatus.DONE: "end_turn",
    TurnStatus.LIMIT: "max_turn_requests",
    TurnStatus.REPEATED: "end_turn",
    TurnStatus.FAILED: "end_turn",
    TurnStatus.CANCELLED: "cancelled",
}


class TurnView:
    """Shows one turn. Made on the event loop.

    Args:
        sender: sends the updates.
        tools: the team's tools.
        roots: the workspace folders.
    """

    def __init__(self, sender: UpdateSender, tools: Sequence[TeamTool[Any]], roots: Sequence[Path]) -> None:
        self._sender = sender
        self._tools = tools
        self._roots = roots
        self._loop = asyncio.get_running_loop()
        self._open: dict[str, str] = {}  # titles of the calls that run by their ids, the innermost last
        self._diffs: dict[str, list[Any]] = {}
        self._speaker = ""  # the agent that answers the person; delegates think aloud
        self._said = ""  # its text since the last call
        self._is_text_over = False  # whether a note came after this text

    @property
    def current_call(self) -> str:
        """Id of the call that was started last and has not ended; "" if no call runs."""
        return next(reversed(self._open), "")

    def show(self, event: Event) -> None:
        """Show an event, after earlier ones and without waiting for that; from any thread."""
        self._loop.call_soon_threadsafe(self._show, event)

    async def flush(self) -> None:
        """Wait until all events that were shown so far have reached the client, or the client has left."""
        shown = self._loop.create_future()
        self._loop.call_soon_threadsafe(shown.set_result, None)
        await shown
        await self._sender.flush()

    async def begin_question(self, identity: str, title: str) -> str:
        """Return the id of the call that a question is about: the one that runs, after all earlier events are shown.

        If no call runs, shows and returns one with the id `identity` for the question alone; `end_question` ends it.
        """
        await self.flush()
        if self.current_call:
            return self.current_call
        self._sender.put(helpers.start_tool_call(identity, title, kind="other", status="pending"))
        await self._sender.flush()
        return identity

    def end_question(self, call: str) -> None:
        """End a call that was shown for a question alone."""
        self._sender.put(helpers.update_tool_call(call, status="completed"))

    def show_changes(self, proposal: ProposedEdit) -> None:
        """Show the diffs of an edit that the current call proposes; do nothing if no call runs."""
        call = self.current_call
        if not call:
            return
        self._diffs[call] = list(tool_calls.list_diffs(proposal))
        self._sender.put(
            helpers.update_tool_call(call, content=self._diffs[call], locations=tool_calls.list_locations(proposal))
        )

    async def end(self, ended: TurnEnded) -> StopReason:
        """Show the final text of the turn, unless it was cancelled; return the protocol's reason for the end.

        Of a turn that is done, leaves out the first paragraphs if they were shown already.
        """
        await self.flush()
        rest = [] if ended.status is TurnStatus.CANCELLED else ended.text.strip().split("\n\n")
        while rest and (not rest[0].strip() or (ended.status is TurnStatus.DONE and rest[0].strip() in self._said)):
            del rest[0]
        if rest:
            self._sender.put_text("agent", "\n\n" * bool(self._said) + "\n\n".join(rest))
        await self._sender.flush()
        return STOP_REASONS[ended.status]

    def _show(self, event: Event) -> None:
        """Queue the updates for an event, on the event loop; none for the end of the turn, or of a workflow's step."""
        match event:
            case events.AgentChosen():
                self._speaker = self._speaker or event.agent
                self._sender.put_text("thought", f"{event.agent}: {event.why}.\n")
            case events.TextArrived():
                self._show_text(event)
            case events.CallStarted():
                self._start_call(event)
            case events.CallEnded():
                self._end_call(event)
            case events.PlanChanged():
                steps = (helpers.plan_entry(make_line(title), status=STEP_STATUS[step]) for title, step in event.steps)
                self._sender.put(helpers.update_plan(steps))
            case events.Noted():
                self._is_text_over = True
                self._sender.put_text("thought", f"{event.text}\n")
            case events.TurnEnded():
                pass  # `end` shows it

    def _show_text(self, event: events.TextArrived) -> None:
        """Show a piece of an answer, after a blank line if a note came between; what a delegate writes is a thought."""
        if event.agent != self._speaker:
            self._sender.put_text("thought", event.text)
            return
        text = f"\n\n{event.text}" if self._is_text_over and self._said.strip() else event.text
        self._is_text_over = False
        self._said += text
        self._sender.put_text("agent", text)

    def _start_call(self, event: events.CallStarted) -> None:
        """Show a call that begins to run; it is the current call from now on."""
        self._said, self._is_text_over = "", False
        self._open[event.call] = make_line(event.title)
        described = describe_call(event.tool, event.arguments, self._tools, self._roots)
        self._sender.put(
            helpers.start_tool_call(
                event.call,
                self._open[event.call],
                kind=described.kind,
                status="in_progress",
                locations=list(described.locations),
            )
        )

    def _end_call(self, event: events.CallEnded) -> None:
        """Show the result of a call, below its diffs; the result of a successful edit is its diff alone."""
        title = self._open.pop(event.call, None)  # a question about the call has shown another one
        diffs = self._diffs.pop(event.call, [])
        content = [*diffs, *([make_code_content(event.text)] if event.failed or not diffs else [])]
        status: ToolCallStatus = "failed" if event.failed else "completed"
        self._sender.put(helpers.update_tool_call(event.call, title=title, status=status, content=content))
