"""Fixtures of the server's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.editor import Editor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def editor() -> AsyncIterator[Editor]:
    """An editor whose server computes with doubles; not yet initialized."""
    one = Editor()
    yield one
    await one.end()
