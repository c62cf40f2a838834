"""A change of functions that a request names: each is rewritten by the model, checked, and fixed. Start at `change`.

A fix that does not improve is undone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agents.edits import ProposedEdit, TextChange
from agents.tasks import instruct, running
from agents.tasks.functions import list_functions
from agents.tasks.task import Scene
from agents.team.events import Noted
from agents.team.led.answering import answer
from agents.team.led.replacing import make_replacement
from indexing.syntax import languages
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from agents.team.events import TurnEnded
    from agents.team.led.checking import Health
    from agents.team.led.led_turn import LedTurn
    from agents.team.led.locating import Located, Place
    from agents.team.tool import ToolResult

MOST_FIXES = 2
EDIT = "edit_file"
ONE_OF = "{request}\n\nOf this, change only `{name}` now; the rest is changed apart."
FIX = "{request}\n\nThis was done, but there are problems; solve them:\n{problems}"
NOTHING_SAID = " It says: -"


async def change(turn: LedTurn, request: str, located: Located) -> TurnEnded:
    """Have the model rewrite the functions that `request` is about, and fix problems at most `MOST_FIXES` times.

    Where the model writes no change, the request may have been a question, and is answered as one. Returns the end of
    the turn.
    """
    targets, made = choose_targets(located.places), turn.made
    before: dict[Path, str] = {}
    changed: list[Place] = []
    reasons: list[str] = []
    for place in targets:
        text = await turn.bench.read_text(place.path)
        one_of = ONE_OF.format(request=request, name=place.name)
        reasons.append(await rewrite(turn, place, request if len(targets) == 1 else one_of))
        if await turn.bench.read_text(place.path) != text:
            before.setdefault(place.path, text)
            changed.append(place)
        if turn.spending.find_exceeded():
            break
    if turn.made == made:
        return await answer(turn, located, reasons[0].removesuffix(NOTHING_SAID))
    if not changed:
        return await turn.say(reasons[0])
    health = await _fix_problems(turn, request, changed, before)
    words = "\n\n".join(dict.fromkeys(one.strip() for one in reasons if one.strip() != request.strip()))
    said = f"{words}\n\n" if words and len(targets) == 1 else ""
    return await turn.say(f"{said}Changed: {format_places(turn, changed)}. {health.describe()}")


def choose_targets(places: Sequence[Place]) -> tuple[Place, ...]:
    """Return the places to change: the likeliest one, and those of its file that the request names as code, too.

    The likeliest one alone if the request does not name it. Leaves out places that overlap it, values, and a likeliest
    place that is a value beside functions or types, such as a constant that a function is to use.
    """
    first, *rest = places
    more = [one for one in rest if one.is_named and one.path == first.path and one.sort in {"function", "type"}]
    if not first.is_named:
        return (first,)
    if first.sort == "value" and more:  # a constant is named beside the function that is to use it
        first, *more = more
    return (first, *(one for one in more if not _overlaps(one, first)))


def _overlaps(one: Place, other: Place) -> bool:
    """Return whether two places of the same file share lines."""
    return one.first_line < other.last_line and other.first_line < one.last_line


def format_places(turn: LedTurn, places: Sequence[Place]) -> str:
    """Return the names of `places` with their files on one line, each once, for a person."""
    named = [f"{one.name} in {turn.bench.display(one.path)}".removeprefix(" in ") for one in places]
    return ", ".join(dict.fromkeys(named))


async def _fix_problems(turn: LedTurn, request: str, changed: Sequence[Place], before: Mapping[Path, str]) -> Health:
    """Check the changed files, have the model fix problems at most `MOST_FIXES` times, and return the last health.

    A fix that does not improve the health is undone, and is the last. `before` holds the text that each file had
    before the change.
    """
    health = await turn.checker.check(before)
    for _ in range(MOST_FIXES):
        if not health.problem_weight or turn.spending.find_exceeded():
            break
        problems = health.describe()
        place = next((one for one in changed if one.name.rpartition(".")[2] in problems), changed[0])
        text = await turn.bench.read_text(place.path)
        await rewrite(turn, place, FIX.format(request=request, problems=problems))
        fixed = await turn.bench.read_text(place.path)
        if fixed == text:
            break
        found = await turn.checker.check(before)
        if found.problem_weight >= health.problem_weight:
            turn.bench.emit(Noted("The fix did not improve the code, and is undone."))
            await replace_text(turn, place.path, fixed, text, "The fix did not improve the code.")
            break
        health = found
    return health


async def rewrite(turn: LedTurn, place: Place, instruction: str) -> str:
    """Have the model rewrite the function at `place` as `instruction` says, and propose the change.

    Returns:
        The model's reason for the change; without a change, a sentence that says why, or "" if that is not known.
    """
    path = place.path
    text = await turn.bench.read_text(path)
    document = Document(path.as_uri(), path, languages.detect(path, text), text)
    syntax = Syntax.of(document)
    at = _find_offset(syntax, place)
    scene = Scene(document, syntax, Span(at, at), instruction=instruction)
    result = await asyncio.to_thread(running.propose, instruct.TASK, scene, turn.resources)
    if not isinstance(result, ProposedEdit):
        return getattr(result, "reason", "") or getattr(result, "text", "")
    edited = next((one for one in result.changes if isinstance(one, TextChange)), None)
    if edited is None:
        return "The change that the model wrote concerns no file."
    outcome = await replace_text(turn, path, text, edited.after, result.why)
    return outcome.text if outcome.failed else result.why


async def replace_text(turn: LedTurn, path: Path, before: str, after: str, why: str) -> ToolResult:
    """Propose to replace the text `before` of a file by `after`, and return the result of the call."""
    replacement = make_replacement(before, after)
    return await turn.call(EDIT, path=turn.bench.display(path), replacements=[replacement], why=why[:300])


def _find_offset(syntax: Syntax, place: Place) -> int:
    """Return the offset of the function with the name of `place` that is nearest to its first line.

    Lines above it may have changed. Without a function of that name, return the offset of the first line.
    """
    lines = syntax.text.splitlines(keepends=True)
    before = sum(map(len, lines[: place.first_line]))
    same = [
        one.start for one in list_functions(syntax) if place.name and f".{place.name}".endswith(f".{one.qualified}")
    ]
    return min(same, key=lambda start: abs(start - before), default=before)
