"""Reads the small programs in `small_programs/`, each in its right version and in the one with a slip.

Written for this evaluation, in the manner of QuixBugs: classic algorithms, one line wrong. `read_programs()` reads them.
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
    """One program.

    Attributes:
        name: of its file.
        right: the right version, normalised, without its examples.
        wrong: the version with the slip.
        line: of the slip, from 1.
    """

    name: str
    right: str
    wrong: str
    line: int


def read_programs() -> list[Program]:
    """Return all programs, by name."""
    return [read_program(path) for path in sorted(FOLDER.glob("[a-z]*.py"))]


def read_program(path: Path) -> Program:
    """Read one program from its file.

    Raises:
        ValueError: it does not name exactly one slip, in a line that stays one.
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
    """Return the source with the slip."""
    return BUG.sub(lambda match: match[1] + match[3], source)


def _normalise(source: str) -> str:
    tree = ast.parse(source)
    tree.body = [statement for statement in tree.body if not _is_examples(statement)]
    return ast.unparse(tree) + "\n"


def _is_examples(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == EXAMPLES
