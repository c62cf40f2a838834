"""The repair of code whose test fails: the suspected functions are rewritten in turn, and the test judges each.

A change after which as many tests fail is undone, and the next function is tried. Start at `repair`.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from agents.tasks.testing import is_test_file
from agents.team.events import Noted
from agents.team.led.changing import list_changed, replace_text, rewrite
from agents.team.led.checking import Health
from agents.team.led.locating import SEARCH_S, DefinitionFinder, find_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.team.events import TurnEnded
    from agents.team.led.led_turn import LedTurn
    from agents.team.led.locating import Place
    from agents.team.tool import Workbench
    from agents.team.turn.checked_tests import TestsState

MOST_SUSPECTS = 3
LONGEST_TYPE = 60
"""Lines of a type that is rewritten as a whole."""

LONGEST_TEST = 1500
"""Characters of the test that the model gets where it could not be run."""

LONGEST_FAILURE = 2000
"""Characters at the end of the failure that the model gets."""

REPAIR = (
    "{request}\n\nThis is how the test fails:\n{failure}\n\nThe fault may be in the code below. Find it, and write the "
    "code with the fault corrected. Change as little as possible."
)

_FRAME = re.compile(r"([\w@./\\+-]{1,300}\.\w{1,5})(?::|\", line )(\d{1,9})")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def find_named_test(request: str, bench: Workbench) -> Path | None:
    """Return the test file that `request` names, None for none or more than one. Blocking."""
    named = [path for path in find_files(request, bench) if is_test_file(path)]
    return named[0] if len(named) == 1 else None


async def repair(turn: LedTurn, request: str, test: Path) -> TurnEnded | None:
    """Run the tests in the file `test`, and have the model correct the code that they are about.

    Returns:
        How the turn ended; None if no test fails, or no code is found that they are about.
    """
    name = turn.bench.display(test)
    state = await turn.checker.tests.run(name, asks=True)
    if state.ran and not state.count:
        return None
    suspects = await asyncio.to_thread(lambda: list(find_suspects(test, state, turn)))
    changed: list[Place] = []
    tried: list[Place] = []
    health = Health(tests=state)
    for place in suspects:
        if turn.spending.find_exceeded() or (changed and not health.problems):
            break
        tried.append(place)
        after = await _try_place(turn, request, place, test, health)
        if after is not None:
            changed.append(place)
            health = after
        if not state.ran and changed:  # nothing can judge further attempts
            break
    if not tried:
        return None
    if not changed:
        return await turn.say(f"Tried to change {list_changed(turn, tried)}, without success. {health.tests.text}")
    return await turn.say(f"Changed: {list_changed(turn, changed)}. {health.describe()}")


async def _try_place(turn: LedTurn, request: str, place: Place, test: Path, health: Health) -> Health | None:
    """Have the model correct one function, and check it by the tests in `test`; undo what does not improve `health`.

    Returns:
        The health afterwards; None where nothing was changed, or the change was undone.
    """
    before = await turn.bench.read_text(place.path)
    failure = health.tests.text[-LONGEST_FAILURE:] or (await turn.bench.read_text(test))[:LONGEST_TEST]
    await rewrite(turn, place, REPAIR.format(request=request, failure=failure))
    after = await turn.bench.read_text(place.path)
    if after == before:
        return None
    found = await turn.checker.check({place.path: before}, turn.bench.display(test), asks=True)
    if not health.tests.ran or found.problems < health.problems:
        return found
    turn.bench.emit(Noted(f"The change of {place.name} did not help, and is undone."))
    await replace_text(turn, place.path, after, before, "The change did not help.")
    return None


def find_suspects(test: Path, state: TestsState, turn: LedTurn) -> Iterator[Place]:
    """Yield at most `MOST_SUSPECTS` functions and short types that the failed tests are about, likeliest first.

    These are the functions in which an error arose, the last called one first, then the ones that the failing lines
    name, then the ones that the test file names. Blocking.
    """
    finder = DefinitionFinder(turn.index, turn.bench)
    text = turn.bench.read(test) or ""
    found = dict.fromkeys((*_list_raising(state, turn, finder), *_list_called(text, state, test, turn, finder)))
    usable = [
        one
        for one in found
        if not is_test_file(one.path)
        and (one.sort == "function" or (one.sort == "type" and one.last_line - one.first_line <= LONGEST_TYPE))
    ]
    yield from usable[:MOST_SUSPECTS]


def _list_raising(state: TestsState, turn: LedTurn, finder: DefinitionFinder) -> Iterator[Place]:
    """Yield the functions of the workspace in which an error arose or through which it passed, innermost first."""
    for failure in state.failures:
        for name, number in reversed(_FRAME.findall(failure.message)):
            path = _find_file(name, turn.bench)
            around = [
                one
                for one in (finder.list_in(path) if path is not None else ())
                if one.first_line < int(number) <= one.last_line and one.sort == "function"
            ]
            yield from around[-1:]


def _find_file(name: str, bench: Workbench) -> Path | None:
    """Return the readable file that a frame names, absolute or relative to a workspace folder; None for none."""
    for root in bench.roots:
        path = root / name
        if path.is_relative_to(root) and ".." not in path.parts and bench.read(path) is not None:
            return path
    return None


def _list_called(text: str, state: TestsState, test: Path, turn: LedTurn, finder: DefinitionFinder) -> Iterator[Place]:
    """Yield the definitions that the failing lines of a test file with `text` name, then those that the rest names."""
    lines, name = text.splitlines(), turn.bench.display(test)
    numbers = [
        int(number) - 1
        for failure in state.failures
        for file, number in _FRAME.findall(f"{failure.place}\n{failure.message}")
        if file == name or name.endswith(f"/{file}")
    ]
    failing = "\n".join(lines[number] for number in dict.fromkeys(numbers) if number < len(lines))
    names = list(dict.fromkeys(_IDENTIFIER.findall(f"{failing}\n{text}")))
    known: dict[str, list[Place]] = {}
    for place in finder.find(names, time.monotonic() + SEARCH_S):
        known.setdefault(place.name.rpartition(".")[2], []).append(place)
    for one in names:  # of methods with one name, those whose class the test names come first
        yield from sorted(known.get(one, ()), key=lambda place: not set(place.name.split(".")[:-1]) <= set(names))
