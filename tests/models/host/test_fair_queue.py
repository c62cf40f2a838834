"""Whose turn it is."""

from __future__ import annotations

import asyncio

import pytest

from models.host.fair_queue import BusyError, FairQueue


class Line:
    """Requests that arrive while one computes; each is named by its client and its number."""

    def __init__(self, most: int = 100) -> None:
        self.turns = FairQueue(most)
        self.served: list[str] = []
        self.busy: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def arrive(self, *names: str) -> None:
        for name in names:
            self.tasks[name] = asyncio.ensure_future(self._ask(name))
            await asyncio.sleep(0)

    async def leave(self, name: str) -> None:
        self.tasks[name].cancel()
        await asyncio.sleep(0)

    async def _ask(self, name: str) -> None:
        try:
            async with self.turns.take(name[0]):
                self.served.append(name)
        except BusyError:
            self.busy.append(name)

    async def after(self) -> list[str]:
        ended, _ = await asyncio.wait(self.tasks.values())
        assert [task for task in ended if not task.cancelled() and task.exception()] == []
        assert self.turns.idle
        return self.served


async def test_the_newest_of_each_client_comes_before_anybodys_older_ones() -> None:
    line = Line()
    async with line.turns.take("z"):
        await line.arrive("a1", "b1", "a2", "c1", "b2", "a3")
    served = await line.after()
    assert set(served[:3]) == {"a3", "b2", "c1"}
    assert set(served[3:]) == {"a1", "a2", "b1"}


async def test_who_was_served_longest_ago_comes_first() -> None:
    line = Line()
    for client in "abc":
        async with line.turns.take(client):
            pass
    async with line.turns.take("z"):
        await line.arrive("c1", "a1", "b1")
    assert await line.after() == ["a1", "b1", "c1"]


async def test_a_client_that_asks_without_end_does_not_keep_another_waiting() -> None:
    line = Line()
    async with line.turns.take("a"):
        await line.arrive("b1", "a1", "a2", "a3", "a4")
    assert (await line.after())[0] == "b1"


async def test_in_a_full_line_the_oldest_superseded_request_makes_room() -> None:
    line = Line(most=2)
    async with line.turns.take("z"):
        await line.arrive("a1", "a2", "b1")
    assert await line.after() != []
    assert line.busy == ["a1"]


async def test_in_a_line_full_of_wanted_requests_the_next_one_hears_that_it_is_busy() -> None:
    line = Line(most=2)
    async with line.turns.take("z"):
        await line.arrive("a1", "b1")
        with pytest.raises(BusyError):
            await line.turns.take("c").__aenter__()
    assert set(await line.after()) == {"a1", "b1"}


async def test_who_leaves_the_line_keeps_nobody_waiting() -> None:
    line = Line()
    async with line.turns.take("z"):
        await line.arrive("a1", "b1")
        await line.leave("b1")
        assert line.turns.waiting == 1
    assert await line.after() == ["a1"]


async def test_who_leaves_at_the_moment_of_its_turn_hands_it_on() -> None:
    line = Line()
    holding = line.turns.take("z")
    await holding.__aenter__()
    await line.arrive("a1", "b1")
    await holding.__aexit__(None, None, None)  # chooses b1, which is not awake yet
    line.tasks["b1"].cancel()
    await asyncio.wait(line.tasks.values())
    assert line.served == ["a1"]
    assert line.turns.idle


async def test_who_leaves_just_before_the_turn_is_free_does_not_keep_it() -> None:
    line = Line()
    holding = line.turns.take("z")
    await holding.__aenter__()
    await line.arrive("a1", "b1")
    line.tasks["b1"].cancel()  # its task has not run since
    await holding.__aexit__(None, None, None)
    await asyncio.wait(line.tasks.values())
    assert line.served == ["a1"]
    assert line.turns.idle


async def test_those_who_left_a_moment_ago_take_no_room() -> None:
    line = Line(most=2)
    holding = line.turns.take("z")
    await holding.__aenter__()
    await line.arrive("a1", "a2")
    for task in line.tasks.values():
        task.cancel()
    asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(holding.__aexit__(None, None, None)))
    async with asyncio.timeout(60), line.turns.take("b"):
        assert line.turns.waiting == 0
    assert line.turns.idle
