"""Line masks: places in real code where a line, or the rest of one, is removed and has to be completed.

`choose_places(package)` draws them with a fixed seed: only lines of code with at least five lexer tokens, no comment,
docstring, decorator or import; a third each in-file, first use of a name imported from the package itself, and other
uses of such names. A third are cut at the line's start, between tokens, and inside a word: people type letters, not
tokens. Reads text only; never imports the package. The committed tables come from Python 3.11's lexer.
"""

from __future__ import annotations

import ast
import io
import random
import tokenize
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.eval.data import Package

CATEGORIES = ("in-file", "first-use", "cross-file")
CUTS = ("line", "border", "word")  # at the line's first token, between two later ones, inside a word
MIN_TOKENS = 5  # of the whole line
MAX_FILE_CHARS = 200_000
CODE_TOKENS = {tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING}


@dataclass(frozen=True)
class Place:
    """A place to complete.

    Attributes:
        path: absolute path of the file.
        relative: path from the package's root, with `/`.
        text: text of the whole file, with the target.
        start: offset in code points of the cursor and of the target.
        end: offset of the end of the target, which is that of its line without trailing white space.
        category: one of `CATEGORIES`.
        cut: kind of the cursor's position in the line, one of `CUTS`.
    """

    path: Path
    relative: str
    text: str
    start: int
    end: int
    category: str
    cut: str

    @property
    def target(self) -> str:
        """Text to complete."""
        return self.text[self.start : self.end]

    @property
    def holed(self) -> str:
        """Text of the file without the target, as it is in the editor; the cursor is at `start`."""
        return self.text[: self.start] + self.text[self.end :]


@dataclass(frozen=True)
class Line:
    """A line that may be masked.

    Attributes:
        number: number of the line, from 1.
        columns: first columns of its tokens.
        inside: columns inside its words.
        end: column of the end of its code.
        names: names in the line.
    """

    number: int
    columns: tuple[int, ...]
    inside: tuple[int, ...]
    end: int
    names: frozenset[str]

    def choose_column(self, cut: str, rng: random.Random) -> int:
        """Return a random column for a cut of the kind `cut`; between tokens if the line has no longer words."""
        if cut == "line":
            return self.columns[0]
        return rng.choice(self.inside if cut == "word" and self.inside else self.columns[1:-1])


def choose_places(package: Package, count: int = 100) -> list[Place]:
    """Return up to `count` places of a package, about a third of each category, ordered by file; deterministic."""
    rng = random.Random(f"{SEED} {package.name} {package.version}")  # noqa: S311 - a sample that repeats, no secret
    found: dict[str, list[Place]] = defaultdict(list)
    for path in package.list_files():
        for place in cut_file(path, path.relative_to(package.root).as_posix(), package.source, rng):
            found[place.category].append(place)
    chosen: list[Place] = []
    for index, category in enumerate(sorted(CATEGORIES, key=lambda name: len(found[name]))):
        share = (count - len(chosen)) // (len(CATEGORIES) - index)  # the rarest first: others make up for it
        chosen += rng.sample(found[category], min(share, len(found[category])))
    return sorted(chosen, key=lambda place: (place.relative, place.start))


def cut_file(path: Path, relative: str, source: str, rng: random.Random) -> list[Place]:
    """Return a place at a random cut of each line of code in a file; none for a file that cannot be parsed.

    Args:
        path: the file.
        relative: its path from the package's root.
        source: name of the package's folder of code, for the categories.
        rng: draws the cuts.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        tree = ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, ValueError):
        return []
    if len(text) > MAX_FILE_CHARS or "\r" in text or "\f" in text:
        return []
    own = find_imported_names(tree, source)
    starts = [0]
    for row in text.split("\n"):
        starts.append(starts[-1] + len(row) + 1)
    used: set[str] = set()
    found = []
    for line in find_code_lines(text, tree):
        category = "in-file" if not line.names & own else "first-use" if line.names & own - used else "cross-file"
        used |= line.names & own
        cut = rng.choice(CUTS)
        start, end = starts[line.number - 1] + line.choose_column(cut, rng), starts[line.number - 1] + line.end
        found.append(Place(path, relative, text, start, end, category, cut))
    return found


def find_imported_names(tree: ast.Module, source: str) -> set[str]:
    """Return the names that a module imports from its own package `source`, relatively or by the package's name."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == source):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or source for alias in node.names if alias.name.split(".")[0] == source}
    return names


def find_code_lines(text: str, tree: ast.Module) -> list[Line]:
    """Return the lines of code that may be masked, in order."""
    left_out = find_excluded_lines(tree)
    by_line: dict[int, list[tokenize.TokenInfo]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.start[0] != token.end[0]:
            left_out |= set(range(token.start[0], token.end[0] + 1))  # a string over several lines
        elif token.type == tokenize.COMMENT:
            left_out.add(token.start[0])
        elif token.type in CODE_TOKENS:
            by_line[token.start[0]].append(token)
    return [
        Line(
            number,
            tuple(token.start[1] for token in tokens),
            tuple(
                at for token in tokens if token.type == tokenize.NAME for at in range(token.start[1] + 1, token.end[1])
            ),
            tokens[-1].end[1],
            frozenset(token.string for token in tokens if token.type == tokenize.NAME),
        )
        for number, tokens in sorted(by_line.items())
        if number not in left_out and len(tokens) >= MIN_TOKENS
    ]


def find_excluded_lines(tree: ast.Module) -> set[int]:
    """Return the numbers, from 1, of lines of imports, decorators and docstrings."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        spans: list[ast.stmt | ast.expr] = []
        if isinstance(node, ast.Import | ast.ImportFrom):
            spans.append(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            spans += node.decorator_list
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            spans.append(node)
        for span in spans:
            lines |= set(range(span.lineno, (span.end_lineno or span.lineno) + 1))
    return lines
