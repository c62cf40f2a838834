"""In any document and at any column, suggestions begin at columns where a line may begin."""

from __future__ import annotations

import ast
import itertools
import warnings
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.completion.shaping.brackets import scan_brackets
from agents.suggestions import Trigger
from indexing.syntax.documents import Document
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import MemoryIndex, make_recalled

if TYPE_CHECKING:
    from indexing.index import Index

HEADERS = ["with a as b:", "if a:", "def f(a):", "class A:", "try:", "for a in b:", "match a:", "while a:"]
HEADERS += ["async def f():", "def g(\n  a,\n):", "if (a\n  and b):", "@cached"]
BRANCHES = ["else:", "except E:", "finally:", "elif a:", "case 1:"]
STATEMENTS = [
    "a = f(1)",
    "f(\n  a,\n b)",
    's = """\n one\ntwo: """',
    "# note",
    "a = 1 + \\\n 2",
    "if a: f(1)",
    '"""Say."""',
]
UNCLOSED = ["x = [\n    1,", "]", "d = {'a': 1,", "}", "return a"]
UNITS = ["    ", "  ", "\t", "\t    "]
LEADS = st.sampled_from(
    ["", " ", "  ", "   ", "    ", "      ", "        ", "            ", "\t", "\t\t", "  \t", "\t    "]
)


@st.composite
def draw_program(draw: st.DrawFn) -> str:
    """Draw a text that looks like Python and often is valid: each line has the indentation of some block."""
    unit, depth, lines = draw(st.sampled_from(UNITS)), 0, list[str]()
    branch = {"if": "else:", "try": "except E:", "match": "case 1:", "for": "else:"}
    opened: list[str] = []
    for _ in range(draw(st.integers(1, 9))):
        if opened and draw(st.booleans()) and (going_on := branch.get(opened[-1].split()[0].rstrip(":"))):
            depth, statement = len(opened) - (opened[-1] != "match a:"), going_on
        else:
            statement = draw(st.sampled_from(HEADERS) | st.sampled_from(STATEMENTS))
            depth = len(opened)
        lines.append(unit * depth + statement)
        opened = opened[:depth]
        if statement.endswith(":"):
            opened.append(statement)
        elif draw(st.booleans()):
            opened = opened[: draw(st.integers(0, depth))]
    return "\n".join(lines) + "\n"


LINES = st.tuples(LEADS, st.sampled_from([*HEADERS, *STATEMENTS, *STATEMENTS, *BRANCHES, *UNCLOSED])).map("".join)
SAID = st.lists(LINES, min_size=1, max_size=4).map("\n".join)


def list_completions(language: str, text: str, at: int, said: str, trigger: Trigger) -> list[str]:
    """Return the document with each suggestion inserted; a NUL marks the end of the suggestion."""
    index = MemoryIndex(recalled=(make_recalled(said),))
    model = ScriptedModel(lambda _: said)
    generator = Generator(cast("Index", index), model, policy=CompletionPolicy(threshold=0.0))
    document = Document(f"untitled:{language}", None, language, text)
    try:
        found = generator.complete(document, at, trigger=trigger, cancelled=lambda: False, limit=3).suggestions
    finally:
        generator.close()
    return [text[: one.start] + one.text + "\0" + text[one.end :] for one in found]


def is_unfinished(text: str, language: str) -> bool:
    """Return whether `text` ends in brackets, a string or a backslash, so that its next line belongs to it."""
    left = scan_brackets(text, language)
    return bool(left.unclosed or left.quote) or text.endswith("\\")


def is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text.replace("\r\n", "\n"), "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


def could_be_python(above: str, below: str) -> bool:
    """Return whether `above` and `below` are valid Python with some line between them."""
    leads = {line[: len(line) - len(line.lstrip())] for line in (above + below).split("\n")}
    leads |= {lead + unit for lead in leads for unit in UNITS}
    fillers = ["", "pass", "def _(): pass", "case _: pass", "except: pass", "finally: pass"]
    return any(is_python(above + lead + filler + "\n" + below) for lead in leads for filler in fillers)


def may_become_python(above: str, below: str) -> bool:
    """Return whether the text is valid Python, or is with the body or handler that `above` lacks at its end."""
    line = above.rpartition("\n")[2]
    lead = line[: len(line) - len(line.lstrip())]
    rests = [
        "",
        f"\n{lead}def _(): pass",
        *(f"\n{lead}{unit}{one}" for unit in UNITS for one in ("pass", "case _: pass")),
    ]
    leads = sorted({one[: len(one) - len(one.lstrip())] for one in above.split("\n")})
    endings = [f"\n{one}finally: pass" for one in leads]
    handlers = ["", *endings, *(deep + other for other, deep in itertools.combinations(endings, 2))]
    return any(is_python(above + rest + handler + below) for rest, handler in itertools.product(rests, handlers))


@settings(max_examples=150, deadline=None, derandomize=True)  # a stray bracket in one of thousands still misleads
@given(
    text=draw_program(),
    line=st.integers(0, 20),
    lead=LEADS,
    trailing=st.sampled_from(["", "  "]),
    said=SAID,
    trigger=st.sampled_from(Trigger),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_suggestion_on_a_blank_line_is_valid_python_if_any_line_there_can_be(  # noqa: PLR0917 - one scene
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
    for found in list_completions("python", head + tail, len(head), said, trigger):
        assert found.replace("\0", "").replace("\r\n", "").count("\r") == 0
        inserted, _, rest = found.partition("\0")
        if not is_unfinished(inserted[len(above) :].replace(newline, "\n"), "python"):
            assert may_become_python(inserted.replace(newline, "\n"), rest.replace(newline, "\n")), found


YAML_LINES = ["a: 1", "b:", "- c", "- d: 2", "-", "e: |", "f: [1,", "2]", "g: 'x'", "# note", "- h:", '"i": &x y']
YAML_SAID = ["key: 1", "key:", "- item", "- key: 1", "# note", "other: [1, 2]", "text: |", "lines of it"]


@st.composite
def draw_yaml(draw: st.DrawFn) -> str:
    """Draw a text that looks like YAML and often is valid."""
    depth, lines = 0, list[str]()
    for _ in range(draw(st.integers(1, 8))):
        entry = draw(st.sampled_from(YAML_LINES))
        lines.append("  " * depth + entry)
        depth = depth + 1 if entry.endswith((":", "|", "-")) else draw(st.integers(max(depth - 2, 0), depth))
    return "\n".join(lines) + "\n"


def is_yaml(text: str) -> bool:
    try:
        list(yaml.compose_all(text, yaml.SafeLoader))
    except yaml.YAMLError:
        return False
    return True


@settings(max_examples=150, deadline=None, derandomize=True)  # a stray bracket in one of thousands still misleads
@given(
    text=draw_yaml(),
    line=st.integers(0, 20),
    column=st.integers(0, 12),
    said=st.lists(st.tuples(LEADS, st.sampled_from(YAML_SAID)).map("".join), min_size=1, max_size=3).map("\n".join),
    trigger=st.sampled_from(Trigger),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_suggestion_on_a_blank_line_of_yaml_is_valid(  # noqa: PLR0917 - one scene
    text: str, line: int, column: int, said: str, trigger: Trigger, newline: str
) -> None:
    lines = text.split("\n")
    number = line % len(lines)
    above = "".join(f"{one}\n" for one in lines[:number])
    below = "\n" + "\n".join(lines[number:])
    if not is_yaml(above + below) or is_unfinished(above, "yaml"):
        return  # between brackets a comma may be missing, before or after
    head = (above + " " * column).replace("\n", newline)
    for found in list_completions("yaml", head + below.replace("\n", newline), len(head), said, trigger):
        assert is_yaml(found.replace("\0", "")), found


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("column", [0, 1, 2, 4, 7, 12])
@pytest.mark.parametrize("lead", ["", "    ", "\t"])
@pytest.mark.parametrize(
    ("language", "above", "below", "said"),
    [
        ("javascript", "function f() {\n    let x = 1;\n", "\n    return x;\n}\n", "call(x);"),
        ("go", "func f() {\n\tx := 1\n", "\n\treturn x\n}\n", "call(x)"),
        ("rust", "fn f() {\n    if a {\n        b();\n    }\n", "\n}\n", "call(x);"),
        ("ruby", "def f\n  x = 1\n", "\n  x\nend\n", "call(x)"),
        ("lua", "function f()\n  local x = 1\n", "\n  return x\nend\n", "call(x)"),
        ("json", '{\n  "a": 1,\n', '\n  "b": 2\n}\n', '"c": 3,'),
        ("toml", "[a]\nb = 1\n", "\n[c]\n", "d = 2"),
        ("text", "all: one\n\tcc one.c\n", "\ntwo: one\n", "cc two.c"),
    ],
)
def test_without_meaning_of_indentation_every_column_gets_a_suggestion(  # noqa: PLR0917 - one scene
    language: str, above: str, below: str, said: str, lead: str, column: int, trigger: Trigger
) -> None:
    head = above + " " * column
    found = list_completions(language, head + below, len(head), lead + said, trigger)
    assert any(f"{said}\0\n" in one for one in found)


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("lead", ["", "  ", "    "])
def test_a_suggestion_at_the_left_margin_of_a_block_in_braces_is_indented(lead: str, trigger: Trigger) -> None:
    above, below = "function f() {\n    let x = 1;\n", "\n    return x;\n}\n"
    found = list_completions("javascript", above + below, len(above), f"{lead}call(x);", trigger)
    assert f"{above}    call(x);\0{below}" in found
