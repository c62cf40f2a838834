"""Which modules a Python text imports and which names that gives it: what goes when an import goes.

By syntax alone, of one text. Start at `Imports.of`.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Modules of the standard library that do something when they are imported, or are not on every machine.
_ACTING = frozenset(
    {
        *("readline", "rlcompleter", "antigravity", "this", "site", "turtle", "tkinter", "idlelib", "cgitb", "test"),
        *("sitecustomize", "usercustomize", "encodings", "lib2to3", "distutils", "curses", "dbm", "__main__"),
        *("__hello__", "__phello__", "nt", "winreg", "msvcrt", "winsound", "posix"),
    }
)
_ALWAYS_LOADED = frozenset({"collections.abc", "os.path"})  # of all dotted names these need nobody to import them


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of one text.

    Attributes:
        modules: how often each module is imported where it is run, relative ones with their dots.
        members: how often each `module.name` is taken from a module; the name may be a module of its own.
        names: names that imports bind at the top of the module.
        in_class: whether a class imports in its body.
    """

    modules: Counter[str]
    members: Counter[str]
    names: frozenset[str]
    in_class: bool

    @classmethod
    def of(cls, text: str) -> Imports | None:
        """Return the imports of `text`, None where it does not parse."""
        try:
            tree = parse_python(text)
        except SyntaxError:
            return None
        modules: Counter[str] = Counter()
        members: Counter[str] = Counter()
        names: set[str] = set()
        in_class = False
        for statement, where, runs in _statements(tree.body, "module", runs=True):
            in_class = in_class or where == "class"
            if where == "module":
                names.update(each.asname or each.name.partition(".")[0] for each in statement.names)
            if not runs:
                continue
            if isinstance(statement, ast.Import):
                modules.update(each.name for each in statement.names)
            else:
                module = "." * statement.level + (statement.module or "")
                modules[module] += 1
                inner = f"{module}." if statement.module else module
                members.update(inner + each.name for each in statement.names)
        return cls(modules, members, frozenset(names), in_class)


def acts_not(module: str, beside: Sequence[Path]) -> bool:
    """Return whether importing `module` does nothing that shows: of the standard library, and not hidden by a file.

    Args:
        module: its dotted name.
        beside: folders that Python looks for modules in before its own.
    """
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names or top in _ACTING:
        return False
    if "." in module and module not in _ALWAYS_LOADED:
        return False
    return not any((folder / f"{top}.py").exists() or (folder / top).is_dir() for folder in beside)


def is_plain_member(member: str) -> bool:
    """Return whether `module.name` of the standard library is no module of its own."""
    module, _, name = member.rpartition(".")
    place = Path(sysconfig.get_path("stdlib"), *module.split("."))
    return member in _ALWAYS_LOADED or not ((place / f"{name}.py").exists() or (place / name).is_dir())


def _statements(
    body: Sequence[ast.stmt], where: str, *, runs: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, str, bool]]:
    """Yield the imports of `body`, where each binds its names, and whether it is ever run."""
    for each in body:
        if isinstance(each, ast.Import | ast.ImportFrom):
            yield each, where, runs
            continue
        inner = where
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = "function"
        elif isinstance(each, ast.ClassDef):
            inner = "class"
        run = runs and not (isinstance(each, ast.If) and "TYPE_CHECKING" in ast.unparse(each.test))
        for field in ("body", "handlers", "cases"):
            blocks = getattr(each, field, [])
            if field == "body":
                yield from _statements(blocks, inner, runs=run)
            else:
                for block in blocks:
                    yield from _statements(block.body, inner, runs=runs)
        for field in ("orelse", "finalbody"):
            yield from _statements(getattr(each, field, []), inner, runs=runs)
