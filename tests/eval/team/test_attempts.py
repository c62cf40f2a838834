"""Attempts count invalid calls, edits that fit nowhere, and code that was made worse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.eval.team import attempts
from tests.eval.team.oracle import make_oracle
from tests.eval.team.task import Call, make_edit
from tests.eval.team.tasks.all_tasks import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.eval.team.task import Task

RENAME = next(task for task in ALL if task.name == "rename_parseline")
REPAIR = next(task for task in ALL if task.name == "repair_error_line")


def attempt(task: Task, folder: Path, *calls: Call) -> attempts.Attempt:
    """Return the attempt of a model that makes `calls`, one an answer."""
    task = replace(task, steps=tuple((one,) for one in calls))
    return attempts.attempt(task, make_oracle(task), folder, uses_index=False)


def test_calls_without_a_tool_or_the_right_arguments_are_not_valid(tmp_path: Path) -> None:
    made = attempt(RENAME, tmp_path, Call("read_fill", {}), Call("read_file", {"file": 3}), Call("list_files", {}))
    assert (made.calls, made.valid, made.edits) == (3, 1, 0)
    assert made.problem == "iniconfig/_parse.py uses _parseline in line 99."


def test_an_edit_that_fits_nowhere_is_not_well_formed(tmp_path: Path) -> None:
    made = attempt(RENAME, tmp_path, make_edit("iniconfig/_parse.py", ("def _parse(", "def _read(")))
    assert (made.edits, made.applied, made.made_worse) == (1, 0, ())


def test_what_failed_only_afterwards_was_made_worse(tmp_path: Path) -> None:
    made = attempt(REPAIR, tmp_path, make_edit("iniconfig/exceptions.py", ("class ParseError", "class ParserError")))
    assert (made.applied, made.problem.partition(" from")[0]) == (1, "ImportError: cannot import name 'ParseError'")
    assert {"iniconfig: ImportError", "iniconfig._parse: ImportError"} <= set(made.made_worse)


def test_a_test_that_failed_before_was_not_made_worse(tmp_path: Path) -> None:
    made = attempt(REPAIR, tmp_path, make_edit("iniconfig/exceptions.py", ("self.msg = msg", "self.msg = msg + ''")))
    assert made.problem
    assert made.made_worse == ()
