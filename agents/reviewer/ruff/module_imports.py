"""The modules that a Python text imports and the names that its imports bind, by its syntax alone.

Also tells which modules of the standard library can be imported without side effects. Start at `ModuleImports.of`.
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

# Modules of the standard library with side effects when imported, or that are missing on some machines.
_MODULES_WITH_EFFECTS = frozenset(
    {
        *("readline", "rlcompleter", "antigravity", "this", "site", "turtle", "tkinter", "idlelib", "cgitb", "test"),
        *("sitecustomize", "usercustomize", "encodings", "lib2to3", "distutils", "curses", "dbm", "__main__"),
        *("__hello__", "__phello__", "nt", "winreg", "msvcrt", "winsound", "posix"),
    }
)
_ALWAYS_LOADED = frozenset({"collections.abc", "os.path"})  # submodules that are loaded without an import of their own


@dataclass(frozen=True, slots=True)
class ModuleImports:
    """Imports of one text.

    Attributes:
        modules: number of imports of each module that run, by name; relative ones with their dots.
        members: number of imports that run of each `module.name`; the name may be a submodule.
        names: names that imports bind in the module's namespace.
        in_class: True if a class body has an import.
    """

    modules: Counter[str]
    members: Counter[str]
    names: frozenset[str]
    in_class: bool

    @classmethod
    def of(cls, text: str) -> ModuleImports | None:
        """Return the imports of `text`, None if it does not parse."""
        try:
            tree = parse_python(text)
        except SyntaxError:
            return None
        modules: Counter[str] = Counter()
        members: Counter[str] = Counter()
        names: set[str] = set()
        in_class = False
        for statement, scope, runs in _find_imports(tree.body, "module", runs=True):
            in_class = in_class or scope == "class"
            if scope == "module":
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


def is_inert(module: str, beside: Sequence[Path]) -> bool:
    """Return whether importing `module` is known to have no side effect.

    True for most top-level modules of the standard library, unless a file shadows them; False for all others.

    Args:
        module: its dotted name.
        beside: folders that Python searches before the standard library.
    """
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names or top in _MODULES_WITH_EFFECTS:
        return False
    if "." in module and module not in _ALWAYS_LOADED:
        return False
    return not any((folder / f"{top}.py").exists() or (folder / top).is_dir() for folder in beside)


def is_plain_member(member: str) -> bool:
    """Return whether `module.name` of the standard library is no submodule, or one that is always loaded."""
    module, _, name = member.rpartition(".")
    place = Path(sysconfig.get_path("stdlib"), *module.split("."))
    return member in _ALWAYS_LOADED or not ((place / f"{name}.py").exists() or (place / name).is_dir())


def _find_imports(
    body: Sequence[ast.stmt], scope: str, *, runs: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, str, bool]]:
    """Yield each import in `body` with its scope ("module", "class" or "function") and whether it ever runs.

    Imports under `TYPE_CHECKING` never run.
    """
    for each in body:
        if isinstance(each, ast.Import | ast.ImportFrom):
            yield each, scope, runs
            continue
        inner = scope
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = "function"
        elif isinstance(each, ast.ClassDef):
            inner = "class"
        run = runs and not (isinstance(each, ast.If) and "TYPE_CHECKING" in ast.unparse(each.test))
        for field in ("body", "handlers", "cases"):
            blocks = getattr(each, field, [])
            if field == "body":
                yield from _find_imports(blocks, inner, runs=run)
            else:
                for block in blocks:
                    yield from _find_imports(block.body, inner, runs=runs)
        for field in ("orelse", "finalbody"):
            yield from _find_imports(getattr(each, field, []), inner, runs=runs)
