"""Lines of a Python function that must not move: each possible extraction has to behave as the original function."""

from __future__ import annotations

import asyncio
import functools
import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest

from agents.edits import apply_edits
from agents.tasks.refactoring.function_extraction import extract_function
from agents.tasks.refactoring.refusals import ExtractionError
from tests.agents.doubles import make_document

PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lone-cr": (
        "def f(a):\n    s = 'x'  # c\r    b = 1\n    c = b + a\n    d = c + 1\n    e = d + 1\n    return e\n",
        ("f(1)",),
    ),
    "uline": (
        (
            "def f(a):\n"
            "    b = '\xe4\u2028'\n"
            "    c = b + a  # \x85\xe9\n"
            "    d = c + '\xfc'\n"
            "    \xe9 = d + 'x'\n"
            "    return \xe9\n"
        ),
        ("f('1')",),
    ),
    "nfkc": (
        "def f(a):\n    \ufb01 = a\n    b = fi + 1\n    c = \ufb01 + b\n    return c + fi\n",
        ("f(1)",),
    ),
    "tabs": (
        (
            "class A:\n"
            "\tdef f(self, a):\n"
            "\t\tb = 1\n"
            "\t\tif a:\n"
            "\t\t\tb = '''\n"
            "\t\tq'''\n"
            "\t\t\tc = b\n"
            "\t\telse:\n"
            "\t\t\tc = 2\n"
            "\t\treturn c\n"
        ),
        ("A().f(1)", "A().f(0)"),
    ),
    "mixed-crlf": (
        "x = '''a\r\nb\nc'''\ndef f(a):\r\n    b = 1\n    c = b + a\r\n    d = c + 1\n    e = d + 1\n    return e\n",
        ("(f(1), x)",),
    ),
}
for each in (Path(__file__).parent / "programs.txt").read_text(encoding="utf-8").split("\n=== ")[1:]:
    name, _, rest = each.partition("\n")
    calls, _, text = rest.partition("\n---\n")
    PROGRAMS[name] = text, tuple(calls.split("\n"))
# Of these nothing moves.
STILL = {
    "deco-in-class",
    "del-in-loop",
    "eval-behind",
    "getattribute",
    "implicit-cls",
    "locals-behind",
    "locals-format",
    "lone-cr",
    "runtime-proto",
    "static-late",
    "try-del",
}


def run_call(text: str, call: str) -> tuple[str, list[Any]]:
    """Return the result or the error of a call, and the log of the program."""
    said: list[Any] = []
    space: dict[str, Any] = {"__name__": "tried", "log": said.append}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # Python 3.14 warns of `break` in `finally`, with its line
            code = compile(text, "tried", "exec")
        exec(code, space)  # noqa: S102 - our own text
        result = eval(call, space)  # noqa: S307 - our own text
        return repr(asyncio.run(result) if inspect.iscoroutine(result) else result), said
    except Exception as error:  # noqa: BLE001 - whatever it raises, it has to raise it afterwards too
        return f"{type(error).__name__} {error}", said


@functools.cache
def list_divisions(text: str) -> set[str]:
    """Return all texts in which some lines of a function have moved into a new one."""
    made: set[str] = set()
    lines = text.replace("\r\n", "\n").split("\n")
    for at, head in enumerate(lines, 1):
        if not head.lstrip().startswith(("def ", "async def ")):
            continue
        for first in range(at + 1, len(lines) + 1):
            for last in range(first, len(lines) + 1):
                try:
                    made.add(
                        apply_edits(
                            text, extract_function(make_document(text), at, (first, last), "part", keep_name=False)
                        )
                    )
                except ExtractionError:
                    continue
    return made


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_divided_program_does_what_it_did(name: str) -> None:
    text, calls = PROGRAMS[name]
    before = [run_call(text, call) for call in calls]
    for after in list_divisions(text):
        assert [run_call(after, call) for call in calls] == before, after


def test_some_of_each_program_moves_unless_nothing_may() -> None:
    still = {name for name, (text, _) in PROGRAMS.items() if not list_divisions(text)}
    assert still == STILL


@pytest.mark.parametrize("name", ["get", "update", "keys", "__len__", "__eq__"])
def test_a_new_method_takes_the_name_of_no_inherited_one(name: str) -> None:
    text = "class A(dict):\n    def f(self, a):\n        b = a\n        c = b\n        return c\n"
    with pytest.raises(ExtractionError):
        extract_function(make_document(text), 2, (3, 4), name, keep_name=True)


def test_objects_that_have_to_live_as_long_as_the_function_stay_in_it() -> None:
    text = "def f():\n    t = TemporaryDirectory()\n    p = t.name\n    q = p + p\n    return q\n"
    with pytest.raises(ExtractionError, match="`t` has to live"):
        extract_function(make_document(text), 1, (2, 3), "part", keep_name=False)


def test_a_string_right_above_that_looks_like_a_comment_is_not_torn() -> None:
    text = "X = '''\n# no comment'''\ndef f(a):\n    b = a\n    c = b\n    d = c\n    return d\n"
    with pytest.raises(ExtractionError):
        extract_function(make_document(text), 3, (4, 5), "part", keep_name=False)
