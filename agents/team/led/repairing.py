"""The repair of code whose test fails: one line of a suspected function is corrected, and the test judges it.

A correction after which as many tests fail is undone; another one, then the next function is tried. Start at `repair`.
"""

from __future__ import annotations

import asyncio
import re
import textwrap
import time
from typing import TYPE_CHECKING

from agents.tasks.filling import Cancelled
from agents.tasks.rewriting.reply_parsing import extract_code, read_indentation
from agents.tasks.testing import is_test_file
from agents.team.events import Noted
from agents.team.led.answering import number_lines
from agents.team.led.changing import format_places, replace_text
from agents.team.led.checking import Health
from agents.team.led.locating import SEARCH_S, DefinitionFinder, find_files
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from models.chat import ChatRequest, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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

ROLE = (
    "You are a careful software engineer. A test fails because of a fault in the code that is shown, with the numbers "
    "of its lines. Say in one sentence what is wrong. Then write the number of the faulty line as `LINE 12`, and below "
    "it the corrected line in a fenced code block: only the lines that replace this one."
)
REPAIR = "{path}\n```\n{code}\n```\n\n{request}\n\nThis is how the test fails:\n{failure}"
AGAIN = "That did not help: the test fails as before. The fault is in another line, or has another correction."
UNUSABLE = (
    "That names no line of the code with another text for it. Write the number of one faulty line as `LINE 12`, and "
    "below it the corrected line in a fenced code block."
)
ATTEMPTS = 2
"""Corrections of one function that are tried."""

ANSWER_TOKENS = 300

_FRAME = re.compile(r"([\w@./\\+-]{1,300}\.\w{1,5})(?::|\", line )(\d{1,9})")
_LINE = re.compile(r"\bLINE\W{0,3}(\d{1,6})", re.IGNORECASE)
_NUMBER = re.compile(r"^\d+  ", re.MULTILINE)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def find_named_test(request: str, bench: Workbench) -> Path | None:
    """Return the test file that `request` names, None for none or more than one. Blocking."""
    named = [path for path in find_files(request, bench) if is_test_file(path)]
    return named[0] if len(named) == 1 else None


async def repair(turn: LedTurn, request: str, test: Path) -> TurnEnded | None:
    """Run the tests in the file `test`, and have the model correct the code that they are about.

    Returns:
        How the turn ended; None if no test fails, or nothing was tried: no code is found, or a limit is reached.
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
        if turn.spending.find_exceeded() or (changed and not health.problem_weight):
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
        return await turn.say(f"Tried to change {format_places(turn, tried)}, without success. {health.tests.text}")
    return await turn.say(f"Changed: {format_places(turn, changed)}. {health.describe()}")


async def _try_place(turn: LedTurn, request: str, place: Place, test: Path, health: Health) -> Health | None:
    """Have the model correct a line of one function at most `ATTEMPTS` times, judged by the tests in the file `test`.

    Returns:
        The health after a correction that improved `health`, or the first one if the tests cannot be run; None where
        there was none.
    """
    path, before = place.path, await turn.bench.read_text(place.path)
    failure = health.tests.text[-LONGEST_FAILURE:] or (await turn.bench.read_text(test))[:LONGEST_TEST]
    asked = REPAIR.format(path=turn.bench.display(path), code=number_lines(place), request=request, failure=failure)
    messages = [Message(Speaker.SYSTEM, ROLE), Message(Speaker.USER, asked)]
    for _ in range(ATTEMPTS):
        if turn.spending.find_exceeded():
            return None
        reply = await _ask(turn, messages)
        after = correct_line(before, place, reply, languages.detect(path, before))
        again = UNUSABLE if after is None else AGAIN
        messages += [Message(Speaker.ASSISTANT, reply or "-"), Message(Speaker.USER, again)]
        if after is None or (await replace_text(turn, path, before, after, reply.partition("\n")[0])).failed:
            continue
        found = await turn.checker.check({path: before}, turn.bench.display(test), asks=True)
        if not health.tests.ran or found.problem_weight < health.problem_weight:
            return found
        turn.bench.emit(Noted(f"The change of {place.name} did not help, and is undone."))
        await replace_text(turn, path, after, before, "The change did not help.")
    return None


async def _ask(turn: LedTurn, messages: Sequence[Message]) -> str:
    """Return the model's answer.

    Raises:
        Cancelled: the turn was cancelled, or its time is over.
    """
    request = ChatRequest(tuple(messages), max_tokens=ANSWER_TOKENS, temperature=0.0, words=True)
    reply = await asyncio.to_thread(turn.chat.chat, request, cancelled=turn.should_stop)
    if reply.end is ReplyEnd.CANCELLED:
        raise Cancelled
    return reply.text


def correct_line(text: str, place: Place, reply: str, language: str) -> str | None:
    """Return `text` with the line of `place` that `reply` names replaced by the code in `reply`.

    Code that begins with the first line of `place` replaces all of its lines. The code gets the indentation of the line
    that it replaces. None without code, where nothing would change, for a line outside of `place`, and for code after
    which the text has more errors of syntax.
    """
    named, code = _LINE.search(reply), extract_code(reply, language=language).code
    given = textwrap.dedent(_NUMBER.sub("", code or "")).strip("\n").splitlines()
    if not given:
        return None
    lines = text.splitlines(keepends=True)
    first, last = place.first_line, place.last_line
    if given[0].strip() != lines[first].strip():  # else the model wrote everything again
        if named is None or not first < int(named[1]) <= last:
            return None
        first, last = int(named[1]) - 1, int(named[1])
    indentation = read_indentation(lines[first])
    new = "".join(f"{indentation}{line.rstrip()}\n" if line.strip() else "\n" for line in given)
    after = "".join((*lines[:first], new, *lines[last:]))
    if after == text or _count_errors(after, place, language) > _count_errors(text, place, language):
        return None
    return after


def _count_errors(text: str, place: Place, language: str) -> int:
    """Return the number of errors of syntax in `text`, a text of the file of `place`."""
    return Syntax.of(Document(place.path.as_uri(), place.path, language, text)).count_errors()


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
    """Return the readable file that a frame names, absolute or relative to a workspace folder; None without one."""
    for root in bench.roots:
        path = root / name
        if path.is_relative_to(root) and ".." not in path.parts and bench.read(path) is not None:
            return path
    return None


def _list_called(text: str, state: TestsState, test: Path, turn: LedTurn, finder: DefinitionFinder) -> Iterator[Place]:
    """Yield the definitions that the failing lines of a test file with `text` name, then those that its others name."""
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
