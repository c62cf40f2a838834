"""Long work: it begins at once, whatever the client does about its bar, and what is told is fit for a message box."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from server.client import Client
from server.works import Works

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer


class Progress:
    """The bars of a client that makes them when `made` is set."""

    def __init__(self) -> None:
        self.made = asyncio.Event()
        self.tokens: dict[object, asyncio.Future[None]] = {}
        self.told: list[str] = []

    async def create_async(self, token: str) -> None:
        await self.made.wait()
        self.tokens[token] = asyncio.get_running_loop().create_future()

    def begin(self, token: object, _: Any) -> None:
        self.tokens.setdefault(token, asyncio.get_running_loop().create_future())
        self.told.append("begin")

    def report(self, _: object, value: Any) -> None:
        self.told.append(value.message)

    def end(self, _: object, __: Any) -> None:
        self.told.append("end")


class Server:
    """As much of a server as work needs."""

    def __init__(self) -> None:
        self.work_done_progress = Progress()
        self.shown: list[str] = []

    def window_show_message(self, params: Any) -> None:
        self.shown.append(params.message)


@pytest.fixture
def server() -> Server:
    return Server()


def works_of(server: Server) -> Works:
    return Works(cast("LanguageServer", server), lambda: Client(progress=True))


async def test_a_client_that_promises_bars_and_makes_none_delays_nothing(server: Server) -> None:
    async with works_of(server).run("Working") as work:
        assert await work.call(lambda: 1) == 1
        assert not server.work_done_progress.made.is_set()
    assert server.work_done_progress.told == []


async def test_a_bar_that_comes_late_shows_what_is_being_done(server: Server) -> None:
    told = server.work_done_progress.told
    async with works_of(server).run("Working") as work:
        work.report("reading")
        await asyncio.sleep(0)
        server.work_done_progress.made.set()
        while len(told) < 2:  # noqa: ASYNC110 (what appends to it is this very loop)
            await asyncio.sleep(0)
        assert told == ["begin", "reading"]
        server.work_done_progress.tokens.popitem()[1].cancel()
    assert told[-1] == "end"


async def test_a_bar_that_is_cancelled_stops_the_work(server: Server) -> None:
    server.work_done_progress.made.set()
    async with works_of(server).run("Working") as work:
        while work.bar is None:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0)
        assert not work.cancelled()
        work.bar.cancel()
        assert work.cancelled()


async def test_control_characters_do_not_reach_a_message_box(server: Server) -> None:
    works_of(server).tell("a\x1b[31mb\x07\nc\td")
    assert server.shown == ["Starling: a\ufffd[31mb\ufffd\nc\td"]
