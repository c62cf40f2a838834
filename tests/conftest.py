"""For all tests: no network beyond this machine, no GPU, and nothing of the person's who runs them."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests import scheduling, states, surroundings

surroundings.clear(os.environ)  # before anything reads a variable; processes that tests start inherit the rest
sys.dont_write_bytecode = False  # the next run, and the other processes of this one, need not compile the tests anew
settings.register_profile("any machine", deadline=None)  # a busy one takes its time, which is no fault of the code
settings.load_profile("any machine")

# a server for each editor that a test starts, ended with it; tests of the resident server set this to "on"
os.environ["STARLING_RESIDENT"] = "off"

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before anything loads CUDA; processes that tests start inherit it

# whoever starts the tests in the background may have Ctrl-C ignored, and what the tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

WIRE = Path(__file__).with_name("wire")
LOOPBACK = {"127.0.0.1", "::1", "localhost", ""}


def _guarded(name: str, real: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in LOOPBACK:
            pytest.fail(f"a test reached for the network: {name} {address!r}")
        return real(self, address)

    return connect


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: many tests wait for processes, disks and clocks."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (usable or 1) + 2


@pytest.hookimpl(trylast=True)  # after the order was drawn
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with tests over the wire and those that have a time limit of their own; skip SQLite's on PostgreSQL."""
    if states.uses_postgresql():
        for item in items:
            if item.get_closest_marker("sqlite"):
                item.add_marker(pytest.mark.skip(reason="it is about SQLite's own files"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = scheduling.long_first(items, _is_long, workers)


def _is_long(item: pytest.Item) -> bool:
    return item.path.parent == WIRE or item.get_closest_marker("timeout") is not None


def pytest_collection_finish() -> None:
    """Have the garbage collector look no more through thousands of tests that stay."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in what a test printed: reports travel between the processes that run the tests."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True, scope="session")
def _database() -> None:
    """Start PostgreSQL before any process asks where it is, if tests are to run on it."""
    states.start()


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(name, getattr(socket.socket, name)))
        yield


@pytest.fixture(scope="session")
def _root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of all surroundings; at the end no process may be left in them."""
    tmp_path_factory.getbasetemp()  # pytest's own folders stay where they are looked for
    root = surroundings.make_root()
    with pytest.MonkeyPatch.context() as patch:
        surroundings.enter(patch, root)  # for fixtures of whole modules
        yield root
        left = surroundings.left_behind(root)
        surroundings.remove(root)
    assert left == [], "tests left processes behind"


@pytest.fixture(scope="session")
def fork_server(_root: Path) -> Iterator[None]:
    """A process that `tests.wire.forking` forks others from."""
    from tests.wire import forking  # noqa: PLC0415 (after the environment was cleared)

    with forking.run_fork_server():
        yield


@pytest.fixture
def forks(fork_server: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fork the processes that the program starts from this one, unless the test is marked `real_start`."""
    from tests.wire import forking  # noqa: PLC0415 (after the environment was cleared)

    with forking.choose_start(request)():
        yield


@pytest.fixture(autouse=True)
def own_surroundings(_root: Path) -> Iterator[Path]:
    """Home, settings, state, cache, runtime and temporary folders of this test's own; the folder that holds them."""
    before = dict(os.environ)
    if (known := sys.modules.get("indexing.workspace.secrets.known_values")) is not None:
        known.forget_all()
    with pytest.MonkeyPatch.context() as patch:
        yield surroundings.enter(patch, _root)
    os.environ.clear()  # a library may have added variables of its own
    os.environ.update(before)
