"""A task whose session another client drives: it waits, and no attempt is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agents.ports.task_queue import NewTask, TaskStatus
from agents.team.queue.worker import Worker
from server.state.lease_owners import name_owner
from server.state.session_store import SessionStore
from server.work import performing
from tests.server.work.simulated import simulate

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from agents.ports.task_queue import QueuedTask
    from agents.team.events import Event

SCRIPT = """
===
It adds two numbers.
"""


def test_a_task_waits_while_its_session_is_in_use(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "IN_USE_S", 0.01)
    with simulate(shop, SCRIPT, {}) as simulation:
        task = simulation.queue.add(NewTask(simulation.place, "explain it", role="ask", writes=False))
        sessions, person = SessionStore(simulation.state), name_owner("starling do")
        sessions.create(simulation.place, title="It", name=task.id, owner=person)
        said: list[str] = []

        def show(_: QueuedTask, event: Event) -> None:
            said.append(getattr(event, "text", ""))
            sessions.release(task.id, person)

        monkeypatch.setattr(simulation.performer, "_show", show)
        worker = Worker(simulation.queue, simulation.place, "w", simulation.performer)
        assert asyncio.run(asyncio.wait_for(worker.run(asyncio.Event(), until_empty=True), 60)) == 1
        ended = simulation.queue.get(task.id)
    assert ended is not None
    assert (ended.status, ended.attempts, worker.undone) == (TaskStatus.DONE, 1, 0)
    assert said[0].startswith("waits: 'It' is open in starling do on ")
