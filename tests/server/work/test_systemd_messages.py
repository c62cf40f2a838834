"""Messages to systemd: sent where it asks for them, and to nothing else."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from server.work.life_signs import LifeSigns
from server.work.systemd_messages import ALIVE, VARIABLE, notify_systemd
from tests.server.work.test_life_signs import HERE, Queue, renew_until_done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this Python has no Unix sockets")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Yield the socket of a service manager that asks for messages."""
    path = str(tmp_path / "notify")
    monkeypatch.setenv(VARIABLE, path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        yield listener


@needs_unix
async def test_a_worker_says_that_it_is_ready_and_then_that_it_lives_while_its_queue_can_be_read(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.work.life_signs.RENEW_S", 0)
    await renew_until_done(LifeSigns(HERE), Queue(True, False, False, True))
    manager.setblocking(False)
    said = []
    with contextlib.suppress(BlockingIOError):
        while True:
            said.append(manager.recv(100))
    assert said[:2] == [b"READY=1\nWATCHDOG=1", b"WATCHDOG=1"]
    assert len(said) <= 3  # nothing was said while the queue could not be read; perhaps once more after the last answer


@pytest.mark.parametrize("address", ["", "relative", "/nobody/listens", "@starling-nobody-listens"])
def test_without_a_manager_nothing_is_sent_and_nothing_fails(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, address)
    notify_systemd(ALIVE)
