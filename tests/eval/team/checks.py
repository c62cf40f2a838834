"""Checks that judge the result of a task by running and parsing the workspace, in the sandbox.

The answers of tasks that change nothing are judged by the facts, or by the place, that they name. Start at
`make_run_check`.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import site
import tempfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from tests.eval import sandbox
from tests.eval.team import workspaces

if TYPE_CHECKING:
    from tests.eval.team.task import Check, Edit, Outcome

TESTS = "tests"
"""Folder of a workspace's tests."""

MOST_PLACES = 5
"""Numbers that an answer may name; a longer list is a guess."""

_SETTING = """
import sys
sys.dont_write_bytecode = True
sys.path[:0] = [{root!r}]
sys.path += {packages!r}
"""

_SURVEY = """
import importlib
failed = []
def try_out(name, function):
    try:
        function()
    except (Exception, SystemExit) as error:
        failed.append(f"{{name}}: {{type(error).__name__}}")
def spread(function):
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "parametrize":
            for given in mark.args[1]:
                given = getattr(given, "values", given)
                one = isinstance(mark.args[0], str) and "," not in mark.args[0]
                yield lambda given=given, one=one: function(given) if one else function(*given)
            return
    yield function
def collect(module):
    unittest = sys.modules.get("unittest")
    for name, value in sorted(vars(module).items()):
        if name.startswith("test") and callable(value):
            for function in spread(value):
                yield name, function
        elif unittest and isinstance(value, type) and issubclass(value, unittest.TestCase):
            for case in unittest.defaultTestLoader.loadTestsFromTestCase(value):
                yield f"{{name}}.{{case._testMethodName}}", case.debug
        elif isinstance(value, type) and name.startswith("Test"):
            for method in sorted(vars(value)):
                if method.startswith("test"):
                    yield f"{{name}}.{{method}}", getattr(value(), method)
found = []
for name in {modules!r}:
    try_out(name, lambda: importlib.import_module(name))
for name in {tests!r}:
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        failed.append(f"{{name}}: {{type(error).__name__}}")
        continue
    for test, function in collect(module):
        found.append(test)
        try_out(f"{{name}}.{{test}}", function)
if not found and {wanted!r}:
    failed.append("no test was found")
if failed:
    raise SystemExit("; ".join(failed))
"""


def run_code(code: str, root: Path) -> str:
    """Run `code` with the workspace `root` first on the path; return the last line of its error, "" for none."""
    return sandbox.run(_set_up(root) + code) or ""


def find_failures(root: Path, *, only: str = "") -> tuple[str, ...]:
    """Import every module of the workspace and run its tests; return the modules and tests that fail, with the error.

    With `only`, imports and runs that test file alone; a file without tests is a failure then.
    """
    files = sorted(path.relative_to(root) for path in root.rglob("*.py"))
    tests = [get_module_name(path) for path in files if _is_test(path) and (not only or path.as_posix() == only)]
    modules = [] if only else [get_module_name(path) for path in files if path.parts[0] != TESTS]
    code = _SURVEY.format(modules=modules, tests=tests, wanted=bool(only))
    said = run_code(code, root)
    return tuple(said.split("; ")) if said else ()


def _set_up(root: Path) -> str:
    """Return code that puts the workspace first on the path, and the installed packages last."""
    return _SETTING.format(root=str(root), packages=site.getsitepackages())


def _is_test(path: Path) -> bool:
    """Return whether a path, relative to the workspace, is that of a test file."""
    return path.parts[0] == TESTS and path.name.startswith("test")


def get_module_name(path: PurePath) -> str:
    """Return the name of the module in a file, whose path is relative to the workspace."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def make_run_check(code: str) -> Check:
    """Return a check that `code` runs without an exception in the workspace, and that all its tests pass."""

    def check(outcome: Outcome) -> str:
        if problem := run_code(code, outcome.root):
            return problem
        failed = [one for one in outcome.failed if one.startswith(f"{TESTS}.")]
        return f"These tests fail: {'; '.join(failed)}" if failed else ""

    return check


def make_rename_check(old: str, new: str, code: str) -> Check:
    """Return a check that no code uses the name `old` any longer, that `code` runs, and that all tests pass.

    `code` has to use `new`. Comments and longer strings may still contain `old`.
    """
    assert new in code
    rest = make_run_check(code)

    def check(outcome: Outcome) -> str:
        root = outcome.root
        for path in sorted(root.rglob("*.py")):
            try:
                tree = ast.parse(path.read_text("utf-8"))
            except (SyntaxError, ValueError) as error:
                return f"{path.name} does not parse: {error}"
            if line := _find_name(tree, old):
                return f"{path.relative_to(root).as_posix()} uses {old} in line {line}."
        return rest(outcome)

    return check


def _find_name(tree: ast.AST, name: str) -> int:
    """Return the first line on which `name` is defined or used in code; 0 for none."""
    for node in ast.walk(tree):
        named = (
            getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None),
            getattr(node, "arg", None), getattr(node, "asname", None), getattr(node, "value", None),
        )  # fmt: skip
        if name in (one for one in named if isinstance(one, str)):
            return int(getattr(node, "lineno", 1))
    return 0


def make_repair_check(code: str, test: str) -> Check:
    """Return a check that the workspace's test file has its text `test` still, that all tests pass, and `code` runs."""
    rest = make_run_check(code)

    def check(outcome: Outcome) -> str:
        kept = any(path.read_text("utf-8") == test for path in (outcome.root / TESTS).glob("*.py"))
        return rest(outcome) if kept else "The test itself was changed."

    return check


def make_test_check(path: str, fault: Edit) -> Check:
    """Return a check that the test file `path` passes, and fails once `fault` is put into the code."""

    def check(outcome: Outcome) -> str:
        root = outcome.root
        if not (root / path).is_file():
            return f"There is no {path}."
        if failed := find_failures(root, only=path):
            return f"The test fails on the right code: {failed[0]}"
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            shutil.copytree(root, copy)
            try:
                workspaces.apply_edit(fault, copy)
            except (OSError, ValueError):
                return "The tested code was changed."
            return "" if find_failures(copy, only=path) else "The test passes on the faulted code, too."

    return check


def make_fact_check(*facts: str) -> Check:
    """Return a check that the answer matches each regular expression of `facts`."""

    def check(outcome: Outcome) -> str:
        missing = [one for one in facts if not re.search(one, outcome.answer, re.IGNORECASE | re.DOTALL)]
        return f"The answer does not say: {json.dumps(missing)}" if missing else ""

    return check


def make_place_check(path: str, text: str) -> Check:
    """Return a check that the answer names the file `path`, and the number of the line in it that holds `text`."""

    def check(outcome: Outcome) -> str:
        lines, answer = (outcome.root / path).read_text("utf-8").splitlines(), outcome.answer
        wanted = [number for number, line in enumerate(lines, 1) if text in line]
        assert len(wanted) == 1, f"{text!r} is in {len(wanted)} lines of {path}"
        numbers = {int(one) for one in re.findall(r"(?<![\w.])\d+(?![\w.]*\w)", answer)}
        if path not in answer or wanted[0] not in numbers:
            return f"The answer does not name {path}, line {wanted[0]}."
        return "The answer names too many places." if len(numbers) > MOST_PLACES else ""

    return check
