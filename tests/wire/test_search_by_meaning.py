"""Search by meaning on real servers: vectors are computed in the background, and searches in plain words use them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from models.catalog.installation import describe_checkpoint, install
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

NO_WORDS_OF_CODE = "zebra quagga okapi"

ALONE = {"fetched": 0, "sharing": "", "servers": [], "lag_s": 0.0, "quality": None}  # without a shared database


async def test_an_installed_model_is_used_without_any_setting(start: Start, tmp_path: Path) -> None:
    checkpoint = shutil.copytree(NETWORKS / "bert", tmp_path / "checkpoint")
    install(describe_checkpoint(checkpoint, "own-bert"), checkpoint, tmp_path / "home" / "config" / "models")
    session = await start()
    session.write("nest.py", "def build(twig):\n    return twig\n\n\ndef line(moss):\n    return moss\n")
    session.write(".env", "TOKEN=zebra\n")
    await session.initialize()
    status = await session.wait_for_status(
        lambda s: s["index"] and s["index"]["vectors"]["share"] == 1.0 and s["index"]["vectors"]["quality"]
    )
    quality = {"n": 0, "recall": [], "precision": [], "mrr": None}  # no function has a docstring
    found = {"model": "own-bert", "vectors": 2, "share": 1.0, "problem": "", **ALONE, "quality": quality}
    assert status["index"]["vectors"] == found
    hits = (await session.execute("starling.search", query=NO_WORDS_OF_CODE))["hits"]
    assert sorted(hit["name"] for hit in hits) == ["build", "line"]  # a random model finds all
    assert (await session.execute("starling.search", query="zebra"))["hits"] == []
    await session.shut_down()


async def test_without_an_embedding_model_nothing_is_computed(start: Start) -> None:
    session = await start()
    session.write("nest.py", "def build(twig):\n    return twig\n")
    await session.initialize()
    status = await session.wait_for_index(1)
    assert status["index"]["vectors"] == {"model": "", "vectors": 0, "share": None, "problem": "", **ALONE}
    assert (await session.execute("starling.search", query=NO_WORDS_OF_CODE))["hits"] == []
    await session.shut_down()
