"""Lines that hold a request's words: the rarest words count most, names of code are compared exactly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agents.team.led.line_search import MOST_LINES, FoundLine, find_lines

TEXTS = {
    Path("/w/parse.py"): (
        "# parses sections\nraise ParseError(number, 'a value without a section')\n"
        "raise ParseError(number, f'duplicate section {name}')\nraise ParseError(number, 'nothing')\n"
    ),
    Path(
        "/w/shell.py"
    ): 'if name == "rosetta" or name.startswith("qemu-"):\n    pass\n\nclass AlreadyKnown(Exception): ...\n',
    Path("/w/use.py"): "raise AlreadyKnown(name)\nAlreadyKnownToo = 1\n",
}


def find(request: str, *, seconds: float = 5.0) -> tuple[FoundLine, ...]:
    """Return the lines that are found in `TEXTS`."""
    return find_lines(request, TEXTS, TEXTS.get, time.monotonic() + seconds)


@pytest.mark.parametrize(("request_", "name", "number"), [
    ("Where is the error raised for a duplicated section?", "parse.py", 2),
    ("In which line is a process checked for QEMU or rosetta?", "shell.py", 0),
    ("Where is AlreadyKnown raised?", "use.py", 0),
])  # fmt: skip
def test_the_line_with_the_most_and_rarest_words_comes_first(request_: str, name: str, number: int) -> None:
    first = find(request_)[0]
    assert (first.path.name, first.number) == (name, number)


def test_a_name_of_code_is_compared_exactly() -> None:
    found = [one.text for one in find("AlreadyKnown")]
    assert found == ["raise AlreadyKnown(name)", "class AlreadyKnown(Exception): ..."]


def test_a_single_ordinary_word_finds_nothing() -> None:
    assert find("sections") == ()
    assert find("a to ?!") == ()


def test_lines_are_limited_and_the_deadline_holds() -> None:
    texts = {Path(f"/w/{number}.py"): "first second\n" for number in range(3 * MOST_LINES)}
    assert len(find_lines("first second", texts, texts.get, time.monotonic() + 5)) == MOST_LINES
    assert find_lines("first second", texts, texts.get, time.monotonic() - 1) == ()
