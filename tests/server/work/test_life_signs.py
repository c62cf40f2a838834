"""Signs of life: files of a worker's process, renewed while the queue can be read."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from server.state import paths
from server.work import life_signs
from server.work.life_signs import FORGOTTEN_S, LifeSign, LifeSigns, renew_signs

if TYPE_CHECKING:
    from agents.ports.task_queue import QueuedTask

HERE, THERE = "file:///here", "file:///there"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Queue:
    """A queue that can be read or not, as `answers` say in turn; sets `done` after the last of them."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.done = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def list_newest(self, *_: object, **__: object) -> tuple[QueuedTask, ...]:
        if not self.answers:
            self.loop.call_soon_threadsafe(self.done.set)
        elif not self.answers.pop(0):
            raise StateError("the database is locked")
        return ()


def test_the_newest_sign_of_a_workspace_has_its_age_and_process() -> None:
    clock = Clock()
    signs = LifeSigns(HERE, clock)
    assert signs.find_newest() is None
    signs.give()
    clock.now += 12.5
    assert signs.find_newest() == LifeSign(os.getpid(), 12.5)
    assert LifeSigns(THERE, clock).find_newest() is None


def test_a_clock_that_was_set_back_is_seen() -> None:
    clock = Clock()
    signs = LifeSigns(HERE, clock)
    signs.give()
    clock.now -= 500
    assert signs.find_newest() == LifeSign(os.getpid(), -500)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes of files")
def test_only_this_user_can_read_a_sign() -> None:
    LifeSigns(HERE).give()
    (file,) = paths.run_dir().glob("work-*.json")
    assert file.stat().st_mode & 0o777 == 0o600


def test_withdrawing_deletes_the_own_sign_and_forgotten_ones_but_no_other() -> None:
    clock = Clock()
    signs = LifeSigns(HERE, clock)
    signs.give()
    (own,) = paths.run_dir().glob("work-*.json")
    content = json.loads(own.read_text())
    for process, age in ((1, FORGOTTEN_S + 1), (2, 30)):
        other = own.with_name(own.name.replace(f"-{os.getpid()}.", f"-{process}."))
        other.write_text(json.dumps(content | {"process": process, "time": clock.now - age}))
    signs.withdraw()
    assert signs.find_newest() == LifeSign(2, 30)
    assert len(list(paths.run_dir().glob("work-*.json"))) == 1


@pytest.mark.parametrize(
    "damaged", ["", "[]", "{}", '{"workspace": "file:///here", "process": "x", "time": 1}', "1" * 2000]
)
def test_a_damaged_file_is_no_sign(damaged: str) -> None:
    signs = LifeSigns(HERE)
    signs.give()
    (file,) = paths.run_dir().glob("work-*.json")
    file.write_text(damaged)
    assert signs.find_newest() is None


async def renew_until_done(signs: LifeSigns, queue: Queue) -> None:
    """Renew the signs of life until the queue has given all its answers."""
    renewing = asyncio.create_task(renew_signs(signs, queue, HERE))  # type: ignore[arg-type]
    await queue.done.wait()
    renewing.cancel()
    await asyncio.wait((renewing,))


async def test_a_sign_is_renewed_only_while_the_queue_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life_signs, "RENEW_S", 0)
    queue = Queue(True, False, False, True, False)
    given: list[int] = []  # how many answers were left at each sign
    monkeypatch.setattr(LifeSigns, "give", lambda _: given.append(len(queue.answers)))
    await renew_until_done(LifeSigns(HERE), queue)
    assert [left for left in given if left] == [4, 1]


async def test_a_worker_that_ends_leaves_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life_signs, "RENEW_S", 0)
    signs = LifeSigns(HERE)
    await renew_until_done(signs, Queue(True))
    assert signs.find_newest() is None
    assert list(paths.run_dir().glob("work-*")) == []
