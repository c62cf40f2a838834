"""Source files of the program, with their imports and calls, for the tidy tests."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("server", "agents", "indexing", "models")
NOT_SHIPPED = "models/training/"


@dataclass(frozen=True)
class Source:
    """A source file: its path relative to the repository, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def imports(self) -> Iterator[str]:
        """Top-level names of all modules imported anywhere in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield (node.module or "").partition(".")[0]

    @property
    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Each call, with the dotted name of its function ("path.write_text"; "" if it has none)."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else "", node


@functools.cache
def read_modules() -> tuple[Source, ...]:
    """Return the source of all modules that are shipped; read once."""
    paths = [
        *sorted(ROOT.glob("starling_*.py")),
        *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))),
    ]
    texts = {str(path.relative_to(ROOT).as_posix()): path.read_text(encoding="utf-8") for path in paths}
    return tuple(
        Source(path, text, ast.parse(text)) for path, text in texts.items() if not path.startswith(NOT_SHIPPED)
    )
