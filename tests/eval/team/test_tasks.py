"""The tasks: forty of six kinds, on packages of the lock files, none solved by doing nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.eval.team import workspaces
from tests.eval.team.checks import find_failures
from tests.eval.team.task import VERSIONS, Kind, Outcome, Task
from tests.eval.team.tasks.all_tasks import ALL

LOCK = Path(__file__).parents[3] / "requirements-dev.lock"


def test_there_are_forty_tasks_of_six_kinds() -> None:
    assert len({task.name for task in ALL}) == len(ALL) == 40
    wanted = {Kind.RENAME: 8, Kind.PARAMETER: 7, Kind.REPAIR: 8, Kind.TEST: 6, Kind.EXPLAIN: 5, Kind.FIND: 6}
    assert Counter(task.kind for task in ALL) == wanted


def test_the_versions_are_those_of_the_lock_file() -> None:
    locked = LOCK.read_text("utf-8").splitlines()
    for package, version in VERSIONS.items():
        assert any(line.startswith(f"{package}=={version} ") for line in locked), f"{package} {version}"


@pytest.mark.parametrize("task", ALL, ids=lambda one: one.name)
def test_no_task_is_solved_by_doing_nothing(task: Task, tmp_path: Path) -> None:
    workspaces.make_workspace(task, tmp_path)
    assert task.check(Outcome(tmp_path, "It is done.", find_failures(tmp_path) if task.kind is Kind.REPAIR else ()))


def test_another_version_of_a_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERSIONS, "iniconfig", "0.9")
    with pytest.raises(workspaces.OtherVersionError, match=r"written for iniconfig 0\.9, and .* is installed"):
        workspaces.make_workspace(ALL[0], tmp_path)
