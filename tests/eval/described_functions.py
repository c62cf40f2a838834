"""Functions and what their authors say they do: queries in natural language whose answers are known.

A function's description (docstring, or the comment `/** */` before it) is the query and is taken out of the text, so
that search has only the code. Runs none of the packages' code. Start at `list_described`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEAST_WORDS = 4  # of a description
LEAST_LINES = 3  # of a function without its description
_COMMENT = re.compile(r"/\*\*((?:(?!\*/).)*)\*/[ \t]*\r?\n[^\n{};]*$", re.DOTALL)


@dataclass(frozen=True)
class Described:
    """A function with a description.

    Attributes:
        name: its name.
        description: first paragraph of what its author says about it, on one line.
        line: its first line in the text with all descriptions, from 0.
        removed: lines of the description (from, to), counted from 0, half-open; they hold nothing else.
    """

    name: str
    description: str
    line: int
    removed: tuple[int, int]


def list_described(text: str, language: str) -> list[Described]:
    """Return the functions of a file that have a description of at least `LEAST_WORDS` words, in order."""
    found = _list_python(text) if language == "python" else _list_commented(text, language)
    return [each for each in found if len(each.description.split()) >= LEAST_WORDS]


def remove_descriptions(text: str, removed: Sequence[Described]) -> str:
    """Return `text` without the descriptions of the functions in `removed`."""
    gone = {line for each in removed for line in range(*each.removed)}
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in gone)


def move_line(line: int, removed: Sequence[Described]) -> int:
    """Return the number that `line` has in the text without the descriptions of `removed`."""
    return line - sum(each.removed[1] - each.removed[0] for each in removed if each.removed[0] <= line)


def _list_python(text: str) -> Iterator[Described]:
    """Yield the functions of a Python file with a docstring on lines of its own."""
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or len(node.body) < 2:
            continue
        written, first = ast.get_docstring(node), node.body[0]
        start, end = first.lineno - 1, first.end_lineno or first.lineno
        alone = lines[start].lstrip()[:1] in {'"', "'", "r", "R"} and node.body[1].lineno > end
        length = (node.end_lineno or node.lineno) - node.lineno + 1 - (end - start)
        if written and alone and node.lineno <= start and length >= LEAST_LINES:
            yield Described(node.name, _take_paragraph(written), node.lineno - 1, (start, end))


def _list_commented(text: str, language: str) -> Iterator[Described]:
    """Yield the functions of a file with a comment `/** */` on lines of its own directly before them."""
    document = Document("file:///described", None, language, text)
    for symbol in Syntax.of(document).symbols:
        if symbol.kind not in {"function", "method"}:
            continue
        comment = _COMMENT.search(text[max(0, symbol.span.start - 4000) : symbol.span.start])
        if comment is None:
            continue
        begin = max(0, symbol.span.start - 4000) + comment.start()
        start = text.count("\n", 0, begin)
        end = text.count("\n", 0, begin + text[begin:].index("*/")) + 1
        line, last = text.count("\n", 0, symbol.span.start), text.count("\n", 0, symbol.span.end)
        if not text[text.rfind("\n", 0, begin) + 1 : begin].strip() and last - line + 1 >= LEAST_LINES:
            stripped = "\n".join(each.strip().lstrip("*").strip() for each in comment[1].splitlines())
            yield Described(symbol.name, _take_paragraph(stripped.strip()), line, (start, end))


def _take_paragraph(written: str) -> str:
    """Return the first paragraph of a description on one line, without what follows a tag such as `@param`."""
    return " ".join(re.split(r"\n\s*\n|^\s*[@:]\w", written, maxsplit=1, flags=re.MULTILINE)[0].split())
