"""Questions of agents, asked at the terminal. Implements `agents.ports.person.Person`. Start at `TerminalPerson`.

Writes to stderr only; stdout is for the answer. Without a terminal nobody answers, but `--yes plan` starts each plan.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from agents.ports.person import PlanAnswer
from server.cli import terminal
from server.cli.plan_prompt import edit_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.ports.person import PlanQuestion
    from server.cli.terminal_asker import TerminalAsker


class TerminalPerson:
    """The person at the terminal.

    Args:
        asker: asks the gate's questions there; the questions of agents and of the gate take turns.
        is_cancelled: returns whether nobody needs the answer to a plan any more; checked while the person thinks.
    """

    def __init__(self, asker: TerminalAsker, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        self._asker = asker
        self._is_cancelled = is_cancelled

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Ask the person; return the line entered, or the chosen one of `choices`; None without terminal or answer."""
        if not self._asker.has_terminal:
            return None
        async with self._asker.take_turn() as lines:
            sys.stderr.write(f"{terminal.escape(question.strip())}\n")
            for number, choice in enumerate(choices, 1):
                sys.stderr.write(f"  {number}: {terminal.escape(choice)}\n")
            while True:
                sys.stderr.write(
                    "[a number or its text; empty: no answer] " if choices else "[your answer; empty: none] "
                )
                sys.stderr.flush()
                entered = (await lines.read_next()).strip()
                if not entered:
                    return None
                if not choices:
                    return entered
                if (chosen := find_choice(entered, choices)) is not None:
                    return chosen
                sys.stderr.write("This is none of the choices; without an answer the agent decides and says how.\n")

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Ask the person about a plan; return the answer, None without a terminal, at the end of input or if cancelled.

        `--yes plan` starts the plan as it is, unless there is a problem with it.
        """
        if self._asker.starts_plans and not question.problem:
            terminal.note(f"the plan is started by --yes plan: {question.title}")
            return PlanAnswer(question.steps)
        if not self._asker.has_terminal:
            return None
        async with self._asker.take_turn() as lines:
            return await edit_plan(question, lines, self._is_cancelled)


def find_choice(entered: str, choices: Sequence[str]) -> str | None:
    """Return the choice with the number or the text that was entered, in upper or lower case; None if there is none."""
    if entered.isdecimal() and 0 < int(entered) <= len(choices):
        return choices[int(entered) - 1]
    return next((one for one in choices if one.lower() == entered.lower()), None)
