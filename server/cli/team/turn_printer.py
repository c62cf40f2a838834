"""Shows the events of a turn in the terminal: an agent's text on stdout, everything else as lines on stderr.

Control characters of agents are escaped. Start at `TurnPrinter.show`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from agents.team import events
from agents.team.session_notes import StepStatus
from agents.team.tools import execute_command, plan, run_tests
from server.cli import terminal

if TYPE_CHECKING:
    from agents.team.events import Event

MARKS = {StepStatus.OPEN: " ", StepStatus.ACTIVE: ">", StepStatus.DONE: "x", StepStatus.DROPPED: "-"}
_RUNS = frozenset({execute_command.TOOL.name, run_tests.TOOL.name})
"""Tools whose result a person wants to see, because nothing else shows it."""


_SHOWN_WHOLE = frozenset({"check_target", "deploy", "deploy_status", "roll_back"})
"""Tools whose result is a table or a report for a person."""


class TurnPrinter:
    """Shows one turn.

    Args:
        writes_text: whether agents' text is written to stdout; otherwise it is left out.
    """

    def __init__(self, *, writes_text: bool) -> None:
        self._writes_text = writes_text
        self._text = ""  # of the last answer as far as it has arrived
        self._is_line_open = False
        self._is_text_open = False
        self._plan: dict[str, str] = {}
        self._has_shown_work = False

    @property
    def has_shown_work(self) -> bool:
        """Whether an agent has written a text or called a tool."""
        return self._has_shown_work

    def show(self, event: Event) -> None:
        """Show an event; pieces of text are written as they arrive.

        Of the result of a call, shows all lines if it is about a deployment, the first line if the call failed or ran a
        command or tests, else nothing. Shows nothing of the end of a workflow's step or of the turn.
        """
        self._has_shown_work |= isinstance(event, events.TextArrived | events.CallStarted)
        if isinstance(event, events.TextArrived):
            self._write(event.text)
            return
        self._end_line()
        self._is_text_open = False
        match event:
            case events.CallEnded() if event.tool in _SHOWN_WHOLE:
                for line in event.text.splitlines():
                    _print(f"    {line}", "red" if event.failed else "")
            case events.AgentChosen():
                _print(f"{event.agent} ({event.why})", "bold cyan")
            case events.CallStarted() if event.tool != plan.TOOL.name:
                _print(f"  · {event.title}", "dim")
            case events.CallEnded() if event.failed or event.tool in _RUNS:
                _print(f"    {event.text.splitlines()[0] if event.text else 'failed'}", "red" if event.failed else "")
            case events.PlanChanged():
                self._show_plan(event)
            case events.Noted():
                _print(f"  {event.text}", "yellow")
            case _:
                pass

    def end(self, answer: str) -> None:
        """End the last line; if text is written, also write the last paragraphs of `answer` that are not shown yet."""
        self._end_line()
        self._is_text_open = False
        rest, shown = answer.strip().split("\n\n"), {"", *(one.strip() for one in self._text.split("\n\n"))}
        while rest and rest[0].strip() in shown:
            del rest[0]
        if rest:
            self._write("\n\n".join(rest))
            self._end_line()

    def _write(self, text: str) -> None:
        """Write a piece of an agent's text; of a new text without the spaces before it, after a blank line."""
        if not self._is_text_open:
            text = text.lstrip()
            if not text:
                return
            if self._writes_text and self._text:
                sys.stdout.write("\n")
            self._is_text_open, self._text = True, ""
        self._text += text
        if self._writes_text:
            sys.stdout.write(terminal.escape(text))
            sys.stdout.flush()
            self._is_line_open = not text.endswith("\n")

    def _end_line(self) -> None:
        """End the line of a text that is on the screen without a line end."""
        if self._is_line_open:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._is_line_open = False

    def _show_plan(self, event: events.PlanChanged) -> None:
        """Show the steps of a new plan, or those whose status has changed."""
        steps = {title: f"  [{MARKS.get(StepStatus(status), ' ')}] {title}" for title, status in event.steps}
        for title, line in steps.items():
            if [*steps] != [*self._plan] or self._plan[title] != line:
                _print(line, "bold" if "[>]" in line[:6] else "")
        self._plan = steps


def _print(line: str, style: str) -> None:
    """Write a line to stderr, in `style` on a terminal with colours."""
    if not sys.stderr.isatty():
        sys.stderr.write(f"{terminal.escape(line)}\n")
        sys.stderr.flush()
        return
    from rich.text import Text  # noqa: PLC0415 (60 ms, which commands without a terminal save)

    terminal.get_stderr().print(Text(terminal.escape(line), style), soft_wrap=True)
