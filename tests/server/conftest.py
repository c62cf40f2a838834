"""Fixtures of the server's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.editor import Editor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def editor() -> AsyncIterator[Editor]:
    """Yield an editor, not yet initialized, whose server computes with doubles; end its session after the test."""
    one = Editor()
    yield one
    await one.end()
