"""The messages about a host that was killed, ended when idle, or does not answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from models.errors import SilentHostError
from models.host.address import SOCKET_URL, HostAccess
from models.host.connection import ENDED, HostConnection
from tests.models.bundled import never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.host.launcher import HostLauncher

SILENT = "The model host does not answer."


@dataclass
class Place:
    """The address of a host that has listened since `since`; 0 if it deleted its socket."""

    since: int = 1
    handshake: str = ""

    def read_start_ns(self) -> int:
        return self.since


@dataclass
class Process:
    """A host that answers, or does not."""

    reached: HostAccess
    address: Place = field(default_factory=Place)
    silent: bool = False

    def ensure_running(self, _: Callable[[], bool]) -> HostAccess:
        if self.silent:
            raise SilentHostError(SILENT)
        return self.reached

    def is_alive(self) -> bool:
        return not self.silent


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(HostAccess(SOCKET_URL, tmp_path / "host.sock"))


def make_connection(process: Process) -> tuple[HostConnection, list[str]]:
    connection, told = HostConnection(cast("HostLauncher", process)), list[str]()
    connection.set_listener(told.append)
    return connection, told


def test_one_that_ended_is_told_of_once_and_forgotten_when_another_one_answers(process: Process) -> None:
    connection, told = make_connection(process)
    old = connection.connect(never)
    assert [connection.discard(old) for _ in range(3)] == [True] * 3
    connection.note_answer()  # an answer that was on its way
    assert connection.problem == ENDED
    process.address.since = 2
    for _ in range(3):
        assert connection.connect(never) is not old
    assert (told, connection.problem) == ([ENDED], ENDED)  # it still has to load the model
    connection.note_answer()
    assert connection.problem == ""
    connection.close()


def test_one_that_tidied_up_left_by_itself(process: Process) -> None:
    connection, told = make_connection(process)
    old = connection.connect(never)
    process.address.since = 0
    connection.discard(old)
    process.address.since = 2
    connection.connect(never)
    assert (told, connection.problem) == ([], "")
    connection.close()


def test_a_connection_that_breaks_is_no_host_that_ended(process: Process) -> None:
    connection, told = make_connection(process)
    connection.discard(connection.connect(never))
    connection.connect(never)
    assert (told, connection.problem) == ([], "")
    connection.close()


@pytest.mark.parametrize("ended", [False, True])
def test_of_the_next_one_that_does_not_answer_yet_nobody_is_told_to_let_a_stopped_one_go_on(
    process: Process, *, ended: bool
) -> None:
    """As seen on a busy machine, where a new host listens for seconds before it answers."""
    connection, _ = make_connection(process)
    old: Any = connection.connect(never)
    process.address.since = 1 if ended else 0
    connection.discard(old)
    process.silent = True
    with pytest.raises(SilentHostError) as raised:
        connection.connect(never)
    assert str(raised.value) == (ENDED if ended else SILENT)
    connection.close()
