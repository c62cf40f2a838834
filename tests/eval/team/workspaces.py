"""Workspaces of tasks: the Python files of an installed package, copied, with a task's fault and files.

Start at `make_workspace`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from tests.eval.team.task import VERSIONS

if TYPE_CHECKING:
    from tests.eval.team.task import Edit, Task


class OtherVersionError(Exception):
    """The installed package is not the one that the task was written for."""


def make_workspace(task: Task, folder: Path) -> None:
    """Write the workspace of `task` into the empty `folder`.

    Raises:
        OtherVersionError: the installed version of its package is another one; the message names both.
    """
    installed = importlib.metadata.version(task.package)
    if installed != VERSIONS[task.package]:
        raise OtherVersionError(
            f"The task {task.name} was written for {task.package} {VERSIONS[task.package]}, and {installed} is "
            "installed; install the version of requirements-dev.lock."
        )
    copy_package(task.package, folder)
    for name, text in task.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    if task.fault is not None:
        apply_edit(task.fault, folder)


def copy_package(package: str, folder: Path) -> None:
    """Copy the Python files of an installed package into `folder`, with Unix line endings."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    source = Path(next(iter(spec.submodule_search_locations)))
    for path in sorted(source.rglob("*.py")):
        copy = folder / package / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))


def apply_edit(edit: Edit, folder: Path) -> None:
    """Make an edit in the workspace `folder`.

    Raises:
        ValueError: its text does not occur exactly once.
    """
    path = folder / edit.path
    text = path.read_text("utf-8")
    if text.count(edit.old) != 1:
        raise ValueError(f"{edit.old!r} occurs {text.count(edit.old)} times in {edit.path}")
    path.write_bytes(text.replace(edit.old, edit.new).encode())
