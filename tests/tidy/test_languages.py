"""Names of languages occur in the languages' own entries; differences between languages are fields of the entries."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from indexing.syntax import languages
from tests.tidy.tree import read_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

# Strings elsewhere that are or look like the name of a language, and the reason for each.
ALLOWED = {
    ("agents/reviewer/rules/conditions.py", "python"): "an idle comparison may be the last line of a notebook's cell",
    ("agents/reviewer/rules/handlers.py", "python"): "the last word of a handler's head may be a type, not a variable",
    ("agents/reviewer/rules/flow.py", "python"): "a rule for one language says so in its entry",
    ("agents/reviewer/rules/iteration.py", "python"): "a rule for one language says so in its entry",
    ("agents/reviewer/ruff/ruff.py", "json"): "an output format of ruff",
    ("agents/tasks/refactoring/refusals.py", "json"): "a module of Python's standard library",
    ("agents/tasks/rewriting/placeholders.py", "go"): "an English word",
    ("agents/tasks/testing.py", "python"): "the custom of a language's tests, which its entry names",
    ("agents/tasks/testing.py", "go"): "the custom of a language's tests, and its framework",
    ("agents/tasks/testing.py", "rust"): "the custom of a language's tests, and its framework",
    ("agents/tasks/write_test.py", "go"): "a test framework",
    ("agents/tasks/write_test.py", "rust"): "a test framework",
    ("agents/team/permissions/commands.py", "bash"): "a program",
    ("agents/team/permissions/commands.py", "lua"): "a program",
    ("agents/team/permissions/commands.py", "php"): "a program",
    ("agents/team/permissions/commands.py", "python"): "a program",
    ("agents/team/permissions/commands.py", "ruby"): "a program",
    ("agents/team/permissions/shell.py", "bash"): "the language of command lines",
    ("indexing/libraries/go_modules.py", "go"): "a program, and a folder in a person's home",
    ("indexing/resolution/languages/go/tables.py", "go"): "a part of the names of repositories",
    ("server/assembly/checks.py", "python"): "a key in what the doctor reports",
    ("server/cli/review/findings.py", "json"): "an output format",
    ("server/cli/review/review.py", "json"): "an output format",
    ("server/cli/terminal.py", "json"): "an output format",
    ("server/gate/trials/test_runs.py", "go"): "the name of a program",
    ("server/gate/trials/test_runs.py", "python"): "the name of an interpreter",
    ("server/lsp/commands/__init__.py", "json"): "a mode of pydantic",
    ("server/lsp/commands/session.py", "json"): "an output format",
    ("server/lsp/commands/session.py", "markdown"): "an output format",
    ("starling_lsp.py", "python"): "the name of an interpreter",
}


def find_names(tree: ast.AST) -> Iterator[str]:
    """Yield the string literals in `tree` that are the name of a language."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in languages.NAMES:
            yield node.value


def test_languages_are_named_in_their_entries_alone() -> None:
    found = {
        (source.path, name)
        for source in read_modules()
        if not source.path.startswith("indexing/syntax/languages/")
        for name in find_names(source.tree)
    }
    assert found - set(ALLOWED) == set(), "move what differs into the language's entry, or give the reason here"
    assert set(ALLOWED) - found == set(), "this exception is not needed any more"


def test_a_name_in_a_set_is_found() -> None:
    assert list(find_names(ast.parse('if language in {"ruby", "tex"}: pass'))) == ["ruby"]
