"""Tests for code that is yet to be written or fixed, in a file of their own, for a workflow. Start at `write_tests`.

They have to fail at first, so they are not run here; the workflow runs them.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from agents.tasks.functions import list_functions
from agents.tasks.testing import is_test_file
from agents.team.failure import ToolFailed
from agents.team.led.file_writing import (
    CODE,
    MOST_CODE,
    ROLE,
    find_new_file,
    find_place_of_tests,
    select_code,
    write_checked,
)
from agents.team.led.repairing import find_named_test
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from models.chat import Message, Speaker

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from agents.tasks.testing import TestPlace
    from agents.team.events import TurnEnded
    from agents.team.led.given_work import GivenWork
    from agents.team.led.led_turn import LedTurn
    from agents.team.led.locating import Located

READ = "read_file"
MOST_FILES = 100
"""Test files of one name, told apart by numbers, among which a free name is looked for."""

IMPORT = "Import everything that is tested with `{line}`, also what does not exist yet."
PRESENT = "The file now:\n```\n{text}```"
_IMPORT = re.compile(r"^(from\s+\S+\s+import\s+).+$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_NUMBERED = re.compile(r"^(test_)?(.+?)((?:_test|\.test|\.spec)?\.\w+)$")


async def write_tests(turn: LedTurn, prompt: str, located: Located, given: GivenWork) -> TurnEnded:
    """Have the model write the tests that `prompt` asks for, in a test file; return how the turn ended.

    The file is a new one, or is written again if the workflow's agents have changed it before. Writes nothing if the
    request names a test file that exists, and `given` has no failures.
    """
    bench = turn.bench
    named = await asyncio.to_thread(find_named_test, given.request, bench)
    if named is not None and not given.failures:
        return await turn.say(f"The test is there already: {bench.display(named)}.")
    found = await asyncio.to_thread(find_place_of_tests, located.places[0], turn)
    try:
        path = await _choose_path(turn, given, found)
    except ToolFailed as error:
        return await turn.say(str(error))
    if path is None:
        return await turn.say(f"Where tests of {bench.display(located.places[0].path)} belong is not known.")
    present = await asyncio.to_thread(bench.read, path) or ""
    if present:
        await turn.call(READ, path=bench.display(path))
    line = _find_import(found)
    hints = [IMPORT.format(line=line)] if line else []
    hints += [PRESENT.format(text=present[:MOST_CODE])] if present else []
    shown = "\n\n".join((CODE, *select_code(located, bench), prompt, *hints))
    role = Message(Speaker.SYSTEM, ROLE.format(name=bench.display(path)))
    messages = (role, Message(Speaker.USER, shown))
    return await write_checked(
        turn,
        messages,
        path,
        lambda: turn.checker.check_findings({path: present}),
        given.request[:300],
        correct=lambda code: import_copies(code, path, set(_WORD.findall(given.request)), line),
    )


def import_copies(code: str, path: Path, tested: Collection[str], line: str) -> str:
    """Return the tests in `code` without functions of their own with the names `tested`, which they import instead.

    Small models write the tested function into the test file, so that it would test itself.

    Args:
        code: text of the test file.
        path: the test file.
        tested: names, such as all words of the request.
        line: the import with "..." for the names; with "", `code` is returned as it is.
    """
    document = Document(path.as_uri(), path, languages.detect(path, code), code)
    own = [one for one in list_functions(Syntax.of(document)) if not one.container and one.name in tested]
    copies = [one for one in own if not one.name.startswith("test")]
    if not line or not copies:
        return code
    for one in reversed(copies):
        code = f"{code[: one.span.start]}{code[one.span.end :].lstrip(chr(10))}"
    names = ", ".join(dict.fromkeys(one.name for one in copies))
    return f"{line.removesuffix('...')}{names}\n{code}"


async def _choose_path(turn: LedTurn, given: GivenWork, found: TestPlace | None) -> Path | None:
    """Return the test file to write; None if its place is not known.

    It is the first one that the workflow's agents have changed, else the missing one that the request names, else one
    with a free name where the tests of the located code belong.

    Raises:
        ToolFailed: the file may not be used.
    """
    if given.tests:
        return await turn.bench.resolve(given.tests[0])
    new = await asyncio.to_thread(find_new_file, given.request, turn.bench)
    if new is not None and is_test_file(new):
        return await turn.bench.resolve(turn.bench.display(new))
    if found is None or not is_test_file(found.path):
        return None
    path = await asyncio.to_thread(_find_free_path, found.path)
    return await turn.bench.resolve(turn.bench.display(path))


def _find_free_path(path: Path) -> Path:
    """Return the first path that does not exist: `path`, or one with a number in its name. Blocking.

    Return `path` if numbers below `MOST_FILES` are all taken.
    """
    parts = _NUMBERED.match(path.name)
    names = [path.name]
    if parts is not None:
        names += [f"{parts[1] or ''}{parts[2]}_{number}{parts[3]}" for number in range(2, MOST_FILES)]
    return next((free for name in names if not (free := path.with_name(name)).exists()), path)


def _find_import(found: TestPlace | None) -> str:
    """Return Python's import of the tested module, as in `from area import ...`; "" where that is not known."""
    imported = _IMPORT.search(found.header) if found is not None else None
    return f"{imported[1]}..." if imported is not None else ""
