"""The hint that a person gets at the first start of a real server, and at no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.lsp.serving.first_start import HINT
from tests.wire.conftest import PROGRAM

if TYPE_CHECKING:
    from tests.wire.conftest import Start

pytestmark = pytest.mark.real_start


async def test_the_first_start_tells_how_to_find_a_model_and_the_second_does_not(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_MODEL__HINT", "true")
    first, second = [await start(command=PROGRAM) for _ in range(2)]
    await first.initialize(initialization_options={"index": {"enabled": False}})
    while not first.client.messages:
        await first.execute("starling.health")
    await second.initialize(initialization_options={"index": {"enabled": False}})
    await second.wait_for_status(lambda status: status["state"] == "ready")
    await second.execute("starling.health")
    assert [[message.message for message in one.client.messages] for one in (first, second)] == [
        [f"Starling: {HINT}"], [],
    ]  # fmt: skip
