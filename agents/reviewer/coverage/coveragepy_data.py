"""Reader of coverage.py's data file, `.coverage`, an SQLite database; it writes nothing.

The file names only the lines that were run. Which lines can be run is computed here, by statement, as coverage.py does:
without docstrings and what its default rules exclude. Start at `read_lines`.
"""

from __future__ import annotations

import ast
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.bounds import BoundError
from indexing.syntax import texts
from indexing.workspace.files import read_regular
from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexing.bounds import Budget

_STEPS = 20_000  # instructions of SQLite's virtual machine between two checks of the time limit
_TABLES = {"file": ("id", "path"), "line_bits": ("file_id", "numbits"), "arc": ("file_id", "fromno", "tono")}
_PRAGMA = "pragma: no cover"
_UNCOUNTED = (ast.Global, ast.Nonlocal)


def read_lines(source: Path, folder: Path, budget: Budget) -> dict[Path, dict[int, bool]]:
    """Return for each readable Python file in the data the first line of each statement, and whether it was run.

    Raises:
        ValueError: the data file cannot be read, is not coverage.py's, or exceeds `budget`.
    """
    found = {}
    for name, run in _load_run_lines(source, budget).items():
        path = folder / name
        budget.spend()
        try:
            text = texts.decode(read_regular(path, bounds.SOURCE_BYTES)[0])
        except OSError:
            continue
        found[path] = {first: not run.isdisjoint(range(first, last + 1)) for first, last in find_statements(text)}
    return found


def find_statements(text: str) -> list[tuple[int, int]]:
    """Return the first and last line of each statement that coverage.py counts, a compound one without its body.

    Returns [] if the text is not valid Python.
    """
    try:
        tree = parse_python(text)
    except SyntaxError:
        return []
    marked = {number for number, line in enumerate(text.split("\n"), 1) if _PRAGMA in line}
    found: dict[int, int] = {}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for child in _list_child_statements(node):
            first, last = _get_own_lines(child)
            if not marked.isdisjoint(range(first, last + 1)) or _is_excluded(child):
                continue
            if not isinstance(child, _UNCOUNTED):
                found[first] = max(last, found.get(first, last))
                # `def` is a line to run besides its decorators
                if isinstance(child, ast.stmt) and first < child.lineno:
                    found[child.lineno] = last
            waiting.append(child)
    return sorted(found.items())


def _load_run_lines(source: Path, budget: Budget) -> dict[str, set[int]]:
    """Read the data file and return the lines that were run, by file name; raises ValueError if that fails."""
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as data:
            _restrict(data, budget)
            return _query_run_lines(data, budget)
    except (sqlite3.Error, TypeError) as error:
        raise ValueError("it takes too long to read" if budget.is_late() else str(error)) from error


def _restrict(data: sqlite3.Connection, budget: Budget) -> None:
    """Restrict SQLite to reading three plain tables, with limits for the length of a value and for time.

    Raises:
        ValueError: one of the tables is missing or no plain table.
    """
    data.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.COVERAGE_TOKEN_BYTES)
    data.set_progress_handler(budget.is_late, _STEPS)
    data.execute("PRAGMA trusted_schema = OFF")
    data.execute("PRAGMA cell_size_check = ON")
    data.execute("PRAGMA cache_size = -16000")
    tables = data.execute("SELECT name, type, sql FROM sqlite_master WHERE name IN (?, ?, ?)", tuple(_TABLES))
    plain = {name for name, kind, sql in tables if kind == "table" and sql.upper().startswith("CREATE TABLE")}
    if missing := [name for name in _TABLES if name not in plain]:
        raise ValueError(f"it has no table {missing[0]}")
    data.set_authorizer(_authorize_access)


def _authorize_access(action: int, table: str | None, column: str | None, *_: object) -> int:
    """Return SQLITE_OK for a SELECT and for a read of the columns in `_TABLES`, otherwise SQLITE_DENY."""
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    is_known = action == sqlite3.SQLITE_READ and (not column or column in _TABLES.get(table or "", ()))
    return sqlite3.SQLITE_OK if is_known else sqlite3.SQLITE_DENY


def _query_run_lines(data: sqlite3.Connection, budget: Budget) -> dict[str, set[int]]:
    """Return the lines that were run, by file name, from the tables of lines and of jumps."""
    names: dict[int, str] = {}
    for number, path in data.execute("SELECT id, path FROM file"):
        if isinstance(path, str) and "\0" not in path:
            names[number] = path
        if len(names) > bounds.COVERAGE_FILES:
            raise BoundError(f"it names more than {bounds.COVERAGE_FILES:,} files")
    run: dict[str, set[int]] = {}
    for number, bits in data.execute("SELECT file_id, numbits FROM line_bits"):
        budget.spend(1 + _count_set_bits(bits))
        if number in names:
            run.setdefault(names[number], set()).update(_decode_numbits(bits))
    for number, start, end in data.execute("SELECT file_id, fromno, tono FROM arc"):
        budget.spend()
        if number in names:
            run.setdefault(names[number], set()).update(line for line in (start, end) if line > 0)
    return run


def _count_set_bits(bits: bytes) -> int:
    """Return the number of bits that are 1."""
    return int.from_bytes(bits, "little").bit_count()


def _decode_numbits(bits: bytes) -> Iterator[int]:
    """Yield the line numbers in coverage.py's `numbits`: bit i of byte j is line 8j + i."""
    for at, byte in enumerate(bits):
        yield from (8 * at + bit for bit in range(8) if byte >> bit & 1)


def _list_child_statements(node: ast.AST) -> Iterator[ast.stmt | ast.ExceptHandler | ast.match_case]:
    """Yield the statements, handlers and cases directly in `node`, without its docstring."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) and not _is_docstring(node, child):
            yield child


def _is_docstring(node: ast.AST, child: ast.AST) -> bool:
    """Return whether `child` is the docstring of `node`."""
    return (
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and child is node.body[0]
        and isinstance(child, ast.Expr)
        and isinstance(child.value, ast.Constant)
        and isinstance(child.value.value, str)
    )


def _get_own_lines(node: ast.stmt | ast.ExceptHandler | ast.match_case) -> tuple[int, int]:
    """Return the first and last line of a statement with its decorators, without the statements in its body."""
    if isinstance(node, ast.match_case):
        first = last = node.pattern.lineno
    else:
        first, last = node.lineno, node.end_lineno or node.lineno
    for decorator in getattr(node, "decorator_list", ()):
        first = min(first, decorator.lineno)
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        inner = min([body[0].lineno, *(each.lineno for each in getattr(body[0], "decorator_list", ()))])
        last = max(first, inner - 1)
    elif isinstance(node, ast.Match):
        last = node.subject.end_lineno or first
    return first, last


def _is_excluded(node: ast.AST) -> bool:
    """Return whether coverage.py excludes `node` by default, even without a `pragma` comment.

    That is an `if TYPE_CHECKING` without `else`, a function whose body is only `...`, or `...` as a statement.
    """
    if isinstance(node, ast.If):
        return ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING" and not node.orelse
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        body = node.body[1:] if _is_docstring(node, node.body[0]) else node.body
        return len(body) == 1 and _is_ellipsis(body[0])
    return _is_ellipsis(node)


def _is_ellipsis(node: ast.AST) -> bool:
    """Return whether the statement `node` is only `...`."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...
