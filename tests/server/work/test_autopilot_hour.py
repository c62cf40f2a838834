"""An hour of the autopilot in a real repository, with a simulated clock and a scripted model."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from agents.ports.task_proposals import ProposalKind
from agents.ports.task_queue import TaskStatus
from agents.team.queue.worker import Worker
from server.work.found_work import MOST_FILES, list_installed, read_inside
from tests.server.work.clocks import START
from tests.server.work.repositories import run_git
from tests.server.work.simulated import Simulation, simulate

if TYPE_CHECKING:
    from pathlib import Path

EDIT = {"path": "src/area.py", "replacements": [{"old": "PI = 3.14", "new": "PI = 3.14159"}], "why": "It is exact."}
SCRIPT = f"""
=== Done: Edit src/area.py
It is exact now.
=== 1  PI = 3.14
@call edit_file {json.dumps(EDIT)}
=== be exact
@call read_file {{"path": "src/area.py"}}
===
There was nothing to do.
"""
HOUR_S = 3600.0
ON = {"enabled": True, "minutes": 5.0}


@pytest.fixture
def busy(shop: Path) -> Path:
    """Return a repository in which there is work of each kind."""
    (shop / "src" / "area.py").write_text("PI = 3.14\n# TODO: be exact\n")
    (shop / "src" / "price.py").write_text(
        "# FIXME: round prices\ndef price(x):\n    if x == 1 or x == 1:\n        return 2\n    return x is 3\n"
    )
    (shop / "test_area.py").write_text("def test_area():\n    assert False\n")
    (shop / "requirements.txt").write_text("httpx==1.0\n")
    (shop / ".gitignore").write_text("*.log\n.venv/\n.pytest_cache/\ncoverage.xml\n")
    run_git(shop, "add", "--all")
    run_git(shop, "commit", "-q", "-m", "work")
    (shop / ".pytest_cache" / "v" / "cache").mkdir(parents=True)
    (shop / ".pytest_cache" / "v" / "cache" / "lastfailed").write_text(json.dumps({"test_area.py::test_area": True}))
    (shop / ".venv" / "lib" / "python3.11" / "site-packages" / "httpx-0.9.dist-info").mkdir(parents=True)
    lines = "".join(f'<line number="{number}" hits="0"/>' for number in range(1, 41))
    report = f"<coverage><sources><source>{shop}</source></sources><packages><package><classes>"
    report += '<class filename="src/price.py">'
    (shop / "coverage.xml").write_text(
        f"{report}<lines>{lines}</lines></class></classes></package></packages></coverage>"
    )
    return shop


def run_hour(simulation: Simulation) -> None:
    """Run the jobs for an hour; while they wait, a worker does what is queued."""
    clock, worker = simulation.clock, Worker(simulation.queue, simulation.place, "w", simulation.performer)
    clock.end = clock.time + HOUR_S
    clock.meanwhile = lambda: worker.run(asyncio.Event(), until_empty=True)
    asyncio.run(simulation.make_schedule().run(asyncio.Event()))


def test_an_hour_without_a_rule_proposes_all_kinds_and_starts_nothing(busy: Path) -> None:
    with simulate(busy, SCRIPT, {"autopilot": ON, "schedule": {"health_hours": 0.0}}) as simulation:
        run_hour(simulation)
        found = simulation.proposals.list_open(simulation.place)
        assert {one.proposal.kind for one in found} == set(ProposalKind)
        assert found[0].proposal.kind is ProposalKind.FAILING_TEST
        assert simulation.queue.list_newest(simulation.place, 9) == ()
        (job,) = simulation.schedules.list_jobs(simulation.place)
        assert job.outcome.startswith(f"{len(found)} proposals, 0 of them new")
        assert job.due - job.ended > 4 * ON["minutes"] * 60  # nothing new: it sleeps longer
        assert simulation.told == []


def test_an_hour_with_a_rule_does_what_the_rule_allows_within_the_budget(busy: Path) -> None:
    wanted = {**ON, "start": ("comment",), "tasks_per_day": 1}
    with simulate(busy, SCRIPT, {"autopilot": wanted, "schedule": {"health_hours": 0.0}}) as simulation:
        run_hour(simulation)
        (task,) = simulation.queue.list_newest(simulation.place, 9)
        assert (task.status, task.task.key.split(":")[:2]) == (TaskStatus.DONE, ["autopilot", "comment"])
        used = simulation.proposals.read_spending(simulation.place)
        assert used.tasks == 1
        assert used.tokens > 0
        (job,) = simulation.schedules.list_jobs(simulation.place)
        assert "Today's budget is used up: 1 of 1 tasks." in job.outcome
    with simulate(busy, SCRIPT, {"autopilot": wanted, "schedule": {"health_hours": 0.0}}) as later:  # after a restart
        later.clock.time = START + HOUR_S
        run_hour(later)
        assert len(later.queue.list_newest(later.place, 9)) == 1
        later.clock.time = START + 25 * HOUR_S
        run_hour(later)
        assert len(later.queue.list_newest(later.place, 9)) == 2
    assert run_git(busy, "status", "--porcelain") == ""


def test_what_a_rule_does_ends_as_a_branch_and_changes_no_file_of_the_person(busy: Path) -> None:
    (busy / "src" / "price.py").unlink()
    wanted = {**ON, "start": ("comment",)}
    with simulate(busy, SCRIPT, {"autopilot": wanted, "schedule": {"health_hours": 0.0}}) as simulation:
        run_hour(simulation)
        (task,) = simulation.queue.list_newest(simulation.place, 9)
    branch = f"starling/{task.id[:12]}"
    assert run_git(busy, "show", f"{branch}:src/area.py").startswith("PI = 3.14159\n")
    assert (busy / "src" / "area.py").read_text().startswith("PI = 3.14\n")


def test_files_outside_of_the_workspace_are_not_read(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (tmp_path / "other.txt").write_text("not ours")
    (root / "own.txt").write_text("ours")
    (root / "link.txt").symlink_to(tmp_path / "other.txt")
    names = ("own.txt", "../other.txt", str(tmp_path / "other.txt"), "link.txt", "none.txt", "C:/other.txt", "a\0b")
    assert [read_inside(root.resolve(), name) for name in names] == ["ours", *[None] * 6]


def test_installed_packages_are_told_by_their_folders(busy: Path) -> None:
    assert list_installed(busy) == {"httpx": "0.9"}
    assert MOST_FILES == 2000
