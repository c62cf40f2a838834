"""A server with accounts for tests that are not asynchronous. Start at `run_remote_server`."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from server.state import paths
from tests.wire.remote_servers import RemoteServers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextmanager
def run_remote_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteServers]:
    """Run a server with the account "ada" and the workspace `shared` in `folder` during this block.

    Its state is there, too, so that it shares nothing with the editor of the test.
    """
    folder.mkdir()
    monkeypatch.setenv(paths.HOME_VARIABLE, str(folder / "home"))
    with asyncio.Runner() as runner:
        servers = RemoteServers(folder)
        servers.add_account("ada")
        runner.run(servers.start())
        try:
            yield servers
        finally:
            runner.run(servers.close())
