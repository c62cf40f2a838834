"""A plan that waits for a yes at the terminal: shown, edited by lines or in an editor. Start at `edit_plan`."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

from agents.ports.person import PlanAnswer, ProposedStep
from agents.team.planning.plan_lines import format_step, format_steps, parse_step
from server.cli import person_editor, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.ports.person import PlanQuestion
    from server.cli.terminal_asker import Lines

CHECK_S = 0.1  # between two looks whether the question is still needed
REMARK = "[what should be different? Enter: nothing] "
KEYS = "[Enter: start, n: no, d 2: delete step 2, m 3 1: move step 3 to 1, w 2 ROLE: TEXT: reword, a ROLE: TEXT: add"
WITH_EDITOR = ", e: edit"
_COMMAND = re.compile(
    r"(?P<d>d)\s+(\d+)|(?P<m>m)\s+(\d+)\s+(\d+)|(?P<w>w)\s+(\d+)\s+(.+)|(?P<a>a)\s+(.+)", re.IGNORECASE
)
_NUMBER = re.compile(r"^\d+[.)]\s+")


async def edit_plan(question: PlanQuestion, lines: Lines, is_cancelled: Callable[[], bool]) -> PlanAnswer | None:
    """Show the plan and run what is entered, until it is started or refused; return the answer.

    None at the end of the input, or if the question is cancelled.
    """
    steps, problem = question.steps, question.problem
    editor = person_editor.find_editor()
    prompt = f"{KEYS}{WITH_EDITOR if editor else ''}] "
    while True:
        entered = await _read(_format_plan(question.title, steps, problem) + prompt, lines, is_cancelled)
        if entered is None:
            return None
        problem = ""
        if entered.casefold() in {"", "y", "yes"}:
            return PlanAnswer(steps)
        if entered.casefold() in {"n", "no"}:
            return PlanAnswer(remark=await _read(REMARK, lines, is_cancelled) or "")
        if editor and entered.casefold() == "e":
            steps, problem = await asyncio.to_thread(_edit_in_program, question, steps)
        elif (changed := change_steps(entered, steps, question.roles[0])) is not None:
            steps = changed
        else:
            problem = f"{entered!r} changes nothing; enter one of the letters below."


async def _read(prompt: str, lines: Lines, is_cancelled: Callable[[], bool]) -> str | None:
    """Write `prompt`; return the next line without spaces around it, None at the end of the input or if cancelled."""
    sys.stderr.write(terminal.escape(prompt))
    sys.stderr.flush()
    reading = asyncio.ensure_future(lines.read_next())
    try:
        while not reading.done():
            if is_cancelled():
                return None
            await asyncio.wait((reading,), timeout=CHECK_S)
        return reading.result().strip() if reading.result() else None
    finally:
        reading.cancel()


def change_steps(entered: str, steps: Sequence[ProposedStep], role: str) -> tuple[ProposedStep, ...] | None:
    """Return the steps after the command `entered`: `d 2`, `m 3 1`, `w 2 TEXT` or `a TEXT`.

    None for any other text, and for the number of a step that does not exist. An added step whose text names no role
    gets `role`; a reworded one keeps its role.
    """
    found = _COMMAND.fullmatch(entered)
    if found is None:
        return None
    changed, (command, *rest) = list(steps), [one for one in found.groups() if one is not None]
    numbers = [int(one) - 1 for one in rest if one.isdecimal()] if command.casefold() != "a" else []
    if any(not 0 <= number < len(steps) for number in numbers[: 2 if command.casefold() == "m" else 1]):
        return None
    match command.casefold():
        case "d":
            del changed[numbers[0]]
        case "m":
            changed.insert(numbers[1], changed.pop(numbers[0]))
        case "w":
            changed[numbers[0]] = parse_step(rest[-1], changed[numbers[0]].role)
        case _:
            changed.append(parse_step(rest[-1], role))
    return tuple(changed)


def _format_plan(title: str, steps: Sequence[ProposedStep], problem: str) -> str:
    """Return the plan as text, with numbered steps, and below it the problem with the last answer, if any."""
    numbered = "".join(f"  {number}. {format_step(one)}\n" for number, one in enumerate(steps, 1))
    return f"starling: Start this plan? {title}\n{numbered}" + (f"starling: {problem}\n" if problem else "")


def _edit_in_program(question: PlanQuestion, steps: Sequence[ProposedStep]) -> tuple[tuple[ProposedStep, ...], str]:
    """Have the person edit the steps in their own editor; return the edited steps, and "". Blocking.

    If that fails, return the old steps and a message that says why. A file without steps leaves them as they were.
    """
    head = [
        "# One step a line, as `role: what to do`; the order of the lines is the order of the steps.",
        f"# Roles: {', '.join(question.roles)}",
    ]
    try:
        text = person_editor.edit_text("\n".join([*head, *format_steps(steps), ""]))
    except (OSError, ValueError) as error:
        return tuple(steps), f"The editor did not change the plan: {error}."
    lines = [_NUMBER.sub("", line.strip()) for line in text.splitlines()]
    edited = tuple(parse_step(line, question.roles[0]) for line in lines if line and not line.startswith("#"))
    return edited or tuple(steps), ""
