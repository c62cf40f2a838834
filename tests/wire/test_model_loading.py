"""Typing while a large model loads: another one answers, a bar shows the progress, and no key waits for either."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from tests.wire.conftest import INLINE, Session, wait_for
from tests.wire.scripted_server import QUICK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Start = Callable[..., Awaitable[Session]]

LOAD_S = 3.0
WITH_BARS = types.ClientCapabilities(
    text_document=INLINE,
    window=types.WindowClientCapabilities(work_done_progress=True),
)
QUIET = {"index": {"enabled": False}, "completion": {"recall": False, "timeoutMs": 60_000}}


def list_bar_values(session: Session) -> list[Any]:
    """Return the values that the bar of the loading model has shown so far."""
    bars = session.client.progress_reports.values()
    return next((bar for bar in bars if bar and getattr(bar[0], "title", "") == "Loading scripted"), [])


async def type_until_loaded(session: Session) -> tuple[list[Any], list[float]]:
    """Type until the large model answers; return the values of the bar, and the seconds that each key before took."""
    await session.initialize(capabilities=WITH_BARS, initialization_options=QUIET)
    uri = session.open("untitled:Untitled-1", "x = \n")
    texts: list[str] = []
    took: list[float] = []
    while True:
        begun = time.monotonic()
        texts = await session.list_suggestions(uri, 0, 4)
        if "large()" in texts:
            break
        took.append(time.monotonic() - begun)
        assert texts == [QUICK]
    await session.wait_for_status(lambda status: status["model"]["state"] == "ready")
    while not list_bar_values(session) or list_bar_values(session)[-1].kind != "end":
        await session.execute("starling.status")
    return list_bar_values(session), took


async def test_a_bar_shows_the_progress_of_a_large_model_while_another_answers_every_key(start: Start) -> None:
    first, _ = await type_until_loaded(await start(reply="large()", load_s=LOAD_S))
    assert [getattr(one, "percentage", None) for one in first] == [None] * len(first)
    assert first[1].message == "for the first time here; quick answers until then"
    second, took = await type_until_loaded(await start(reply="large()", load_s=LOAD_S))
    shown = [one.percentage for one in second[:-1]]
    assert shown == sorted(shown)
    assert 0 <= shown[0] < 50 < shown[-1] < 100
    assert second[-1] == types.WorkDoneProgressEnd(message="ready")
    assert sorted(took)[len(took) // 2] < LOAD_S / 4  # no key waited for the load


async def test_the_status_tells_the_progress_to_clients_without_bars(start: Start) -> None:
    await type_until_loaded(await start(reply="large()", load_s=LOAD_S))
    session = await start(reply="large()", load_s=LOAD_S)
    await session.initialize(initialization_options=QUIET)
    session.open("untitled:Untitled-1", "x = \n")
    status = await session.wait_for_status(lambda status: status["model"]["loading_percent"] or 0)
    assert (status["model"]["state"], status["model"]["meanwhile"]) == ("loading", "quick")
    ready = await wait_for(session.wait_for_status(lambda status: status["model"]["state"] == "ready"))
    assert ready["model"]["loading_percent"] is None
