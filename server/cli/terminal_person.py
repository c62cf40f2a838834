"""Questions of agents, asked at the terminal. Implements `agents.ports.person.Person`. Start at `TerminalPerson`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from server.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.cli.terminal_asker import TerminalAsker


class TerminalPerson:
    """The person at the terminal.

    Args:
        asker: asks the gate's questions there; the questions of agents and of the gate take turns.
    """

    def __init__(self, asker: TerminalAsker) -> None:
        self._asker = asker

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Return the line that the person enters, or the chosen one of `choices`; None without a terminal or answer."""
        if not self._asker.has_terminal:
            return None
        async with self._asker.take_turn() as lines:
            sys.stderr.write(f"{terminal.escape(question.strip())}\n")
            for number, choice in enumerate(choices, 1):
                sys.stderr.write(f"  {number}: {terminal.escape(choice)}\n")
            while True:
                sys.stderr.write("[a number; empty: no answer] " if choices else "[your answer; empty: none] ")
                sys.stderr.flush()
                entered = (await lines.read_next()).strip()
                if not entered:
                    return None
                if not choices:
                    return entered
                if (chosen := _find_choice(entered, choices)) is not None:
                    return chosen


def _find_choice(entered: str, choices: Sequence[str]) -> str | None:
    """Return the choice with the number or the text that was entered, in upper or lower case; None if there is none."""
    if entered.isdecimal() and 0 < int(entered) <= len(choices):
        return choices[int(entered) - 1]
    return next((one for one in choices if one.lower() == entered.lower()), None)
