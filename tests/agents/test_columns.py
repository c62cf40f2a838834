"""Whatever a document holds and whatever column is asked at: a suggestion stands where a line may, or there is none."""

from __future__ import annotations

import ast
import itertools
import warnings
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.generator.generator import Generator
from agents.generator.policy import CompletionPolicy
from agents.records import Trigger
from indexing.records import Document
from models.scripted import ScriptedModel
from tests.agents.doubles import MemoryIndex, recalled

if TYPE_CHECKING:
    from indexing.index import Index

HEADERS = ["with a as b:", "if a:", "def f(a):", "class A:", "try:", "for a in b:", "match a:", "while a:", "else:"]
HEADERS += ["except E:", "finally:", "elif a:", "case 1:", "async def f():", "@cached", "def g(\n  a,\n):", "if (a\n  and b):"]
STATEMENTS = ["a = f(1)", "return a", "f(\n  a,\n b)", 's = """\n one\ntwo: """', "x = [\n    1,", "]", "# note", "pass"]
STATEMENTS += ["a = 1 + \\\n 2", "d = {'a': 1,", "}", '"""Say."""', "async with a: pass", "if a: f(1)"]
UNITS = ["    ", "  ", "\t", "\t    "]
LEADS = st.sampled_from(["", " ", "  ", "   ", "    ", "      ", "        ", "            ", "\t", "\t\t", "  \t", "\t    "])


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A text that looks like Python and often is: lines at the depth of some block."""
    unit, depth, lines = draw(st.sampled_from(UNITS)), 0, list[str]()
    for _ in range(draw(st.integers(1, 9))):
        statement = draw(st.sampled_from(HEADERS) | st.sampled_from(STATEMENTS))
        lead = unit * depth
        lines.append(lead + statement)
        depth = depth + 1 if statement.endswith(":") else draw(st.integers(max(depth - 2, 0), depth))
    return "\n".join(lines) + "\n"


LINES = st.tuples(LEADS, st.sampled_from([*HEADERS, *STATEMENTS])).map("".join)
SAID = st.lists(LINES, min_size=1, max_size=4).map("\n".join)


def completed(language: str, text: str, at: int, said: str, trigger: Trigger) -> list[str]:
    """The document with each of the suggestions."""
    index = MemoryIndex(recalled=(recalled(said),))
    model = ScriptedModel(lambda _: said)
    generator = Generator(cast("Index", index), model, policy=CompletionPolicy(threshold=0.0))
    document = Document(f"untitled:{language}", None, language, text)
    try:
        found = generator.complete(document, at, trigger=trigger, cancelled=lambda: False, limit=3).suggestions
    finally:
        generator.close()
    return [text[: one.start] + one.text + "\0" + text[one.end :] for one in found]


def is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text.replace("\r\n", "\n"), "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


def could_be_python(above: str, below: str) -> bool:
    """Whether some line makes a program of the two halves."""
    leads = {line[: len(line) - len(line.lstrip())] for line in (above + below).split("\n")}
    leads |= {lead + unit for lead in leads for unit in UNITS}
    fillers = ["", "pass", "def _(): pass", "case _: pass", "except: pass", "finally: pass"]
    return any(is_python(above + lead + filler + "\n" + below) for lead in leads for filler in fillers)


def may_become_python(above: str, below: str) -> bool:
    """Whether a text is a program, or becomes one with what its last line still asks for."""
    line = above.rpartition("\n")[2]
    lead = line[: len(line) - len(line.lstrip())]
    rests = ["", f"\n{lead}def _(): pass", *(f"\n{lead}{unit}{one}" for unit in UNITS for one in ("pass", "case _: pass"))]
    leads = sorted({one[: len(one) - len(one.lstrip())] for one in above.split("\n")})
    handlers = ["", *(f"\n{one}finally: pass" for one in leads)]
    return any(is_python(above + rest + handler + below) for rest, handler in itertools.product(rests, handlers))


@settings(max_examples=400, deadline=None)
@given(
    text=programs(),
    line=st.integers(0, 20),
    lead=LEADS,
    trailing=st.sampled_from(["", "  "]),
    said=SAID,
    trigger=st.sampled_from(Trigger),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_suggested_on_a_blank_line_is_python_wherever_the_document_could_be(
    text: str, line: int, lead: str, trailing: str, said: str, trigger: Trigger, newline: str
) -> None:
    lines = text.split("\n")
    number = line % len(lines)
    above = "".join(f"{one}\n" for one in lines[:number])
    below = "\n" + "\n".join(lines[number:])
    if not could_be_python(above, below):
        return
    head = (above + lead).replace("\n", newline)
    tail = (trailing + below).replace("\n", newline)
    for found in completed("python", head + tail, len(head), said, trigger):
        assert found.replace("\0", "").replace("\r\n", "").count("\r") == 0
        inserted, _, rest = found.partition("\0")
        if not inserted.endswith(("(", "[", "{", ",", "\\", "=")) and "[\n" not in inserted[len(head) - len(lead) :] and "{'a': 1," not in inserted[len(head)-len(lead):]:
            assert may_become_python(inserted.replace(newline, "\n"), rest.replace(newline, "\n")), found
