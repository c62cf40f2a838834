"""Jobs: they begin at once, whatever the client does about its progress bar; messages are fit for a message box."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest
from lsprotocol import types

from server.lsp.editor.client import Client
from server.lsp.editor.jobs import Jobs

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer


class Progress:
    """The progress bars of a client that creates them once `made` has a result."""

    def __init__(self) -> None:
        self.made: Future[None] = Future()
        self.tokens: dict[object, asyncio.Future[None]] = {}
        self.told: list[str] = []

    def begin(self, token: object, _: Any) -> None:
        self.tokens.setdefault(token, asyncio.get_running_loop().create_future())
        self.told.append("begin")

    def report(self, _: object, value: Any) -> None:
        self.told.append(value.message)

    def end(self, _: object, __: Any) -> None:
        self.told.append("end")


class Server:
    """A double of the server with the parts that jobs need."""

    def __init__(self) -> None:
        self.work_done_progress = Progress()
        self.protocol = self
        self.shown: list[str] = []
        self.told: list[str] = []

    def send_request(self, method: str, _: Any, msg_id: str) -> Future[None]:
        assert method == types.WINDOW_WORK_DONE_PROGRESS_CREATE
        assert msg_id
        return self.work_done_progress.made

    def notify(self, method: str, _: Any) -> None:
        self.told.append(method)

    def window_show_message(self, params: Any) -> None:
        self.shown.append(params.message)


@pytest.fixture
def server() -> Server:
    return Server()


def make_jobs(server: Server) -> Jobs:
    return Jobs(cast("LanguageServer", server), lambda: Client(progress=True))


async def test_a_client_that_promises_bars_and_makes_none_delays_nothing(server: Server) -> None:
    async with make_jobs(server).run("Working") as work:
        await asyncio.sleep(0)  # a thread may be quicker than the request for a bar
        assert await work.run_blocking(lambda: 1) == 1
        assert not server.work_done_progress.made.done()
    assert server.work_done_progress.told == []
    while not server.told:  # noqa: ASYNC110 (as below)
        await asyncio.sleep(0)
    assert server.told == [types.CANCEL_REQUEST]


async def test_a_bar_that_comes_late_shows_what_is_being_done(server: Server) -> None:
    told = server.work_done_progress.told
    async with make_jobs(server).run("Working") as work:
        work.report("reading")
        await asyncio.sleep(0)
        server.work_done_progress.made.set_result(None)
        while len(told) < 2:  # noqa: ASYNC110 (what appends to it is this very loop)
            await asyncio.sleep(0)
        assert told == ["begin", "reading"]
        server.work_done_progress.tokens.popitem()[1].cancel()
    assert told[-1] == "end"


async def test_a_bar_that_is_cancelled_stops_the_work(server: Server) -> None:
    server.work_done_progress.made.set_result(None)
    async with make_jobs(server).run("Working") as work:
        while work.bar is None:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0)
        assert not work.is_cancelled()
        work.bar.cancel()
        assert work.is_cancelled()


async def test_control_characters_do_not_reach_a_message_box(server: Server) -> None:
    make_jobs(server).show_message("a\x1b[31mb\x07\nc\td")
    assert server.shown == ["Starling: a\ufffd[31mb\ufffd\nc\td"]
