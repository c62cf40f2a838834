"""A PostgreSQL server that the tests of a module may stop; skipped where none is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.Server]:
    """Give a server of this module, which a test may stop."""
    running = postgresql.Server()
    yield running
    running.remove()


@pytest.fixture
def url(server: postgresql.Server, request: pytest.FixtureRequest) -> str:
    """Give the address of an empty schema."""
    return server.make_url(f"t{abs(hash(request.node.name))}")
