"""Small programs in `small_programs/`, each in its right version and in a version with a slip.

Written for this evaluation in the manner of QuixBugs: classic algorithms, one line wrong. Start at `read_programs`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("small_programs")
BUG = re.compile(r"^( *)(\S.*?)  # bug: (.*)$", re.MULTILINE)
EXAMPLES = "EXAMPLES"


@dataclass(frozen=True)
class Program:
    """A small program.

    Attributes:
        name: name of its file, without ".py".
        right: text of the right version, normalised, without its examples.
        wrong: text of the version with the slip.
        line: line of the slip, from 1.
    """

    name: str
    right: str
    wrong: str
    line: int


def read_programs() -> list[Program]:
    """Return all programs, sorted by name."""
    return [read_program(path) for path in sorted(FOLDER.glob("[a-z]*.py"))]


def read_program(path: Path) -> Program:
    """Read both versions of the program in the file `path`.

    Raises:
        ValueError: the file does not have exactly one comment `# bug:`, or the slip changes more than one line.
    """
    source = path.read_text(encoding="utf-8")
    if len(BUG.findall(source)) != 1:
        raise ValueError(f"{path.name} needs exactly one comment `# bug: ...`.")
    right, wrong = _normalise(source), _normalise(apply_slip(source))
    lines = list(zip(right.split("\n"), wrong.split("\n"), strict=True))
    different = [number for number, (one, other) in enumerate(lines, 1) if one != other]
    if len(different) != 1:
        raise ValueError(f"{path.name}: the slip must change one line.")
    return Program(path.stem, right, wrong, different[0])


def apply_slip(source: str) -> str:
    """Return the source with the line that its comment `# bug:` states in place of the right one."""
    return BUG.sub(lambda match: match[1] + match[3], source)


def _normalise(source: str) -> str:
    """Return the source without its examples, as `ast.unparse` writes it."""
    tree = ast.parse(source)
    tree.body = [statement for statement in tree.body if not _is_examples(statement)]
    return ast.unparse(tree) + "\n"


def _is_examples(statement: ast.stmt) -> bool:
    """Return whether a statement assigns the examples."""
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == EXAMPLES
