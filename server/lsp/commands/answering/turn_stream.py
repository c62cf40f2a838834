"""The events of a turn, streamed to the client as they happen: `$/progress` with the client's token, one object each.

Each object has a `kind`. Models' text is inert already (`agents.team.shown_text`); results are cut. Start at
`TurnStream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.team import events
from server.gate.question.printing import replace_unprintable

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.team.events import Event
    from server.lsp.editor.jobs import Job

LONGEST_RESULT = 4000
"""Characters of a call's result that the client gets."""


class TurnStream:
    """Sends the events of one turn to a client, and shows the current step in the progress bar of its job.

    Args:
        job: the job of the turn.
        send: sends an object to the client; called on the event loop.
    """

    def __init__(self, job: Job, send: Callable[[dict[str, Any]], None]) -> None:
        self._job = job
        self._send = send

    def begin(self, session: str, title: str) -> None:
        """Send the session, so that the client can cancel the request in it."""
        self._send({"kind": "session", "session": session, "title": title})

    def emit(self, event: Event) -> None:
        """Take an event of the turn, on any thread; it is sent by the event loop, in the order of the calls."""
        if not self._job.loop.is_closed():
            self._job.loop.call_soon_threadsafe(self._show, event)

    def _show(self, event: Event) -> None:
        """Send an event that a client gets, and show the agent or call that begins in the progress bar."""
        if isinstance(event, events.TextArrived):
            self._send({"kind": "text", "agent": event.agent, "text": event.text})
        elif (part := _describe(event)) is not None:
            self._send(part)
        if isinstance(event, events.CallStarted):
            self._job.report(event.title)
        elif isinstance(event, events.AgentChosen):
            self._job.report(event.agent)


def _describe(event: Event) -> dict[str, Any] | None:
    """Return an event as JSON, the text of a result cut to `LONGEST_RESULT`; None if it is not sent like this.

    Not sent like this are pieces of text, which `_show` sends; the turn's end, which is the command's result; and the
    end of a workflow's step, which is for logs and figures: notes say which step begins and what the program did.
    """
    match event:
        case events.AgentChosen():
            return {"kind": "agent", "agent": event.agent, "why": event.why}
        case events.CallStarted():
            title = replace_unprintable(event.title)
            return {"kind": "call", "agent": event.agent, "call": event.call, "tool": event.tool, "title": title}
        case events.CallEnded():
            text = event.text[:LONGEST_RESULT]
            return {
                "kind": "result", "agent": event.agent, "call": event.call, "tool": event.tool, "text": text,
                "cut": len(event.text) > LONGEST_RESULT, "failed": event.failed, "seconds": event.seconds,
            }  # fmt: skip
        case events.PlanChanged():
            steps = [{"title": title, "status": str(status)} for title, status in event.steps]
            return {"kind": "plan", "steps": steps}
        case events.Noted():
            return {"kind": "note", "text": event.text}
        case _:
            return None
