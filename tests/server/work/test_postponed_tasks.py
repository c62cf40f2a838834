"""Tasks while their model cannot be used: they stay queued, and no attempt is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agents.ports.task_queue import NewTask, TaskStatus
from agents.team.queue import worker as workers
from agents.team.queue.worker import Worker
from models.chat import ChatError, Fault
from models.scripted.scripted_chat import ScriptedChat
from tests.server.work.simulated import simulate

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
===
It adds two numbers.
"""


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.UNREACHABLE, TaskStatus.QUEUED), (Fault.UNPAID, TaskStatus.QUEUED), (Fault.REFUSED, TaskStatus.FAILED)],
)
def test_only_a_failure_that_says_nothing_about_the_task_postpones_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, status: TaskStatus
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ChatError("Nothing listens there.", fault)

    monkeypatch.setattr(workers, "POSTPONED_S", 0.01)
    with simulate(shop, SCRIPT, {}) as simulation:
        task = simulation.queue.add(NewTask(simulation.place, "explain it", role="ask", writes=False))
        worker = Worker(simulation.queue, simulation.place, "w", simulation.performer)
        with monkeypatch.context() as broken:
            broken.setattr(ScriptedChat, "chat", fail)
            asyncio.run(asyncio.wait_for(worker.run(asyncio.Event(), until_empty=True), 60))
        failed = simulation.queue.get(task.id)
        assert failed is not None
        assert (failed.status, failed.attempts) == (status, 0 if status is TaskStatus.QUEUED else 3)
        assert failed.result == "Nothing listens there."
        simulation.queue.requeue(task.id)
        assert asyncio.run(asyncio.wait_for(worker.run(asyncio.Event(), until_empty=True), 60)) == 1
