"""The time without a connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from server.lsp.serving import outages

if TYPE_CHECKING:
    import pytest


async def test_a_person_is_told_and_then_requests_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "SILENT_S", 0.05)
    monkeypatch.setattr(outages, "PATIENCE_S", 0.15)
    happened: list[str] = []
    outage = outages.Outage(lambda: happened.append("told"), lambda: happened.append("given up"))
    outage.begin("it ended")
    assert outage.end() is False  # a short one, of which nobody hears
    await asyncio.sleep(0.2)
    assert happened == []
    outage.begin("it ended")
    outage.begin("nothing listens")
    await asyncio.sleep(0.1)
    assert (happened, outage.is_long, outage.reason) == (["told"], False, "nothing listens")
    await asyncio.sleep(0.15)
    assert (happened, outage.is_long) == (["told", "given up"], True)
    assert outage.end() is True
    assert outage.is_long is False
    assert outage.end() is False
