"""The host's life: one at a time, behind a socket or a token, gone when idle, and a file left behind harms nobody."""

from __future__ import annotations

import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from models.errors import HostError, ModelError, SilentHostError
from models.host import launcher
from models.host.address import Address
from models.host.connection import HostConnection
from models.host.daemon import AlreadyRunningError, run
from models.host.health_check import fetch_health, fetch_metrics
from models.host.launcher import HostLauncher
from models.host.loaded_models import Limits
from tests.models.host.serving import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING: Any = {}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="host-") as made:
        yield Path(made)


class Running:
    """A host in a thread of its own, which leaves after that idle time."""

    def __init__(self, address: Address, *, idle_s: float = 0.4) -> None:
        self.listens = threading.Event()
        self._run = (address, Limits(1 << 40, idle_s=idle_s))
        self.thread = threading.Thread(target=self._be)
        self.thread.start()
        assert self.listens.wait(WAIT_S)

    def _be(self) -> None:
        run(*self._run, models_dir=None, loaders=NOTHING, ready=lambda _: self.listens.set())


@pytest.mark.parametrize("sockets", [True, False])
def test_it_is_found_while_it_lives_and_leaves_nothing_behind(folder: Path, *, sockets: bool) -> None:
    address = Address(folder, "1.0", sockets)
    assert address.find_host() is None
    assert fetch_metrics(address) is None
    host = Running(address)
    told = fetch_health(address)
    assert told is not None
    assert told["version"] == address.handshake
    assert 'starling_host_requests_total{path="/health",status="200"} 1' in (fetch_metrics(address) or "")
    host.thread.join(WAIT_S)
    assert address.find_host() is None
    assert [path.suffix for path in folder.iterdir()] in ([".lock"], [])


def test_on_loopback_the_token_is_what_opens_it_and_only_the_owner_can_read_it(folder: Path) -> None:
    address = Address(folder, "1.0", sockets=False)
    host = Running(address)
    access = address.find_host()
    assert access is not None
    assert httpx2.get(f"{access.url}/health", trust_env=False).status_code == 401
    assert address.record.stat().st_mode & 0o077 == 0
    endpoint = HostConnection(HostLauncher(address, ["never started"])).connect(lambda: False)
    assert endpoint.url == f"{access.url}/v1"
    host.thread.join(WAIT_S)


def test_whoever_else_took_the_port_of_a_host_that_died_hears_no_token(folder: Path) -> None:
    address = Address(folder, "1.0", sockets=False)
    heard: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"{self.path} {self.headers}")
            content = b'{"proof": "0", "status": "ok", "models": []}'
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address.announce(server.server_address[1], "the-token")
        assert fetch_health(address) == {}
        assert fetch_metrics(address) == ""
        with pytest.raises(SilentHostError):
            HostConnection(HostLauncher(address, ["never started"])).connect(lambda: False)
        server.shutdown()
        thread.join()
    assert heard
    assert "the-token" not in "".join(heard)


def test_there_is_one_host_at_a_time(folder: Path) -> None:
    address = Address(folder, "1.0")
    host = Running(address)
    with pytest.raises(AlreadyRunningError):
        run(address, Limits(1), models_dir=None, loaders=NOTHING)
    host.thread.join(WAIT_S)


def test_two_versions_do_not_meet(folder: Path) -> None:
    host = Running(Address(folder, "1.0"))
    assert Address(folder, "1.1").find_host() is None
    host.thread.join(WAIT_S)


@pytest.mark.parametrize("content", ["", "{}", '{"port": "x"}', '{"port": 1, "token": "t"}'])
def test_what_a_killed_host_left_behind_is_no_host(folder: Path, content: str) -> None:
    Address(folder, "1.0", sockets=False).record.write_text(content, encoding="utf-8")
    Address(folder, "1.0").socket.write_text(content, encoding="utf-8")
    assert Address(folder, "1.0", sockets=False).find_host() is None
    assert Address(folder, "1.0").find_host() is None
    Running(Address(folder, "1.0")).thread.join(WAIT_S)


def test_a_folder_that_cannot_be_used_is_one_sentence(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"folder cannot be trusted: .*No such file.*STARLING_HOME"):
        run(Address(folder / "missing" / "deeper" / ("x" * 120), "1.0"), Limits(1), models_dir=None, loaders=NOTHING)


@pytest.mark.parametrize(
    ("command", "said"),
    [(["/no/such/program"], "could not be started"), ([sys.executable, "-c", "raise SystemExit(7)"], "exit status 7")],
)
def test_a_host_that_does_not_start_says_how_to_do_without(folder: Path, command: list[str], said: str) -> None:
    with pytest.raises(HostError, match=said) as caught:
        HostLauncher(Address(folder, "1.0"), command).ensure_running()
    assert "model.host" in str(caught.value)


def test_a_host_that_is_slow_to_start_is_waited_for_by_the_model_that_stands_by(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of large weights in each server would make the machine slower still."""
    monkeypatch.setattr(launcher, "START_S", 0.3)
    process = HostLauncher(Address(folder, "1.0"), [sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with pytest.raises(SilentHostError, match="still starting"):
            process.ensure_running()
    finally:
        started = process._process
        assert started is not None
        started.kill()
        started.wait()
    monkeypatch.setattr(launcher, "AGAIN_S", 60.0)  # none is started in the place of the one that was killed
    with pytest.raises(HostError, match="did not listen") as caught:
        process.ensure_running()
    assert not isinstance(caught.value, SilentHostError)
