"""Who types while a large model loads: another one answers, a bar says how far it is, and no key waits for either."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from tests.wire.conftest import INLINE, Session, within
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


def loading(session: Session) -> list[Any]:
    """What the bar of the loading model has shown so far."""
    bars = session.client.progress_reports.values()
    return next((bar for bar in bars if bar and getattr(bar[0], "title", "") == "Loading scripted"), [])


async def loaded(session: Session) -> tuple[list[Any], list[float]]:
    """Type until the large model answers; returns what the bar showed, and the seconds that each key before took."""
    await session.initialize(capabilities=WITH_BARS, initialization_options=QUIET)
    uri = session.open("untitled:Untitled-1", "x = \n")
    texts: list[str] = []
    took: list[float] = []
    while True:
        begun = time.monotonic()
        texts = await session.texts(uri, 0, 4)
        if "large()" in texts:
            break
        took.append(time.monotonic() - begun)
        assert texts == [QUICK]
    await session.status(lambda status: status["model"]["state"] == "ready")
    while not loading(session) or loading(session)[-1].kind != "end":
        await session.command("starling.status")
    return loading(session), took


async def test_a_bar_says_how_far_a_large_model_is_while_another_answers_every_key(start: Start) -> None:
    first, _ = await loaded(await start(reply="large()", load_s=LOAD_S))
    assert [getattr(one, "percentage", None) for one in first] == [None] * len(first)
    assert first[1].message == "for the first time here; quick answers until then"
    second, took = await loaded(await start(reply="large()", load_s=LOAD_S))
    shown = [one.percentage for one in second[:-1]]
    assert shown == sorted(shown)
    assert 0 <= shown[0] < 50 < shown[-1] < 100
    assert second[-1] == types.WorkDoneProgressEnd(message="ready")
    assert sorted(took)[len(took) // 2] < LOAD_S / 4  # no key waited for the load


async def test_the_status_tells_how_far_it_is_to_who_shows_no_bars(start: Start) -> None:
    await loaded(await start(reply="large()", load_s=LOAD_S))
    session = await start(reply="large()", load_s=LOAD_S)
    await session.initialize(initialization_options=QUIET)
    session.open("untitled:Untitled-1", "x = \n")
    status = await session.status(lambda status: status["model"]["loading_percent"] or 0)
    assert (status["model"]["state"], status["model"]["meanwhile"]) == ("loading", "quick")
    ready = await within(session.status(lambda status: status["model"]["state"] == "ready"))
    assert ready["model"]["loading_percent"] is None
