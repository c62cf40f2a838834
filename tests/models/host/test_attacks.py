"""Attacks on the host's place by another user of the machine: what was prepared is refused, and receives no byte.

Another user is simulated by modes and links; where the tests are run by root, by a real one too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from models.errors import HostError
from models.host import peers
from models.host.address import Address
from models.host.daemon import run
from models.host.folder_trust import create_private_folder, explain_distrust
from models.host.health_check import fetch_health, fetch_metrics
from models.host.launcher import HostLauncher
from models.host.loaded_models import Limits
from models.host.peers import describe_foreign_peer, read_peer_uid
from models.remote.http import HttpClient, HttpOptions
from tests.models.host.serving import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Unix sockets and owners are POSIX's")

ROOT = Path(__file__).parents[3]
AS_ROOT = os.name == "posix" and os.getuid() == 0
STRANGER = 65534
SECRET = "the person's code"


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder like `/tmp`: all users can write there, and delete only their own files."""
    public = Path(tempfile.gettempdir()).anchor + "tmp"  # a test's own folder is closed to strangers
    with tempfile.TemporaryDirectory(prefix="attack-", dir=public) as made:
        Path(made).chmod(0o1777)
        yield Path(made)


def by_a_link(place: Path) -> Path:
    (place / "elsewhere").mkdir(mode=0o700)
    (place / "starling").symlink_to(place / "elsewhere")
    return place / "starling"


def by_a_link_to_a_link(place: Path) -> Path:
    (place / "between").symlink_to(by_a_link(place))
    (place / "between-too").symlink_to("between")
    return place / "between-too"


def by_a_folder_that_all_can_write_to(place: Path) -> Path:
    (place / "starling").mkdir()
    (place / "starling").chmod(0o777)
    return place / "starling"


def by_a_folder_that_a_group_can_write_to(place: Path) -> Path:
    (place / "starling").mkdir()
    (place / "starling").chmod(0o770)
    return place / "starling"


def by_a_file(place: Path) -> Path:
    (place / "starling").write_text("in the way")
    return place / "starling"


def below_a_folder_that_all_can_write_to(place: Path) -> Path:
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    return place / "open" / "starling"


def by_a_folder_of_their_own(place: Path) -> Path:
    (place / "starling").mkdir(mode=0o700)
    os.chown(place / "starling", STRANGER, STRANGER)
    return place / "starling"


def below_a_folder_of_their_own(place: Path) -> Path:
    return by_a_folder_of_their_own(place) / "starling"


def below_a_link_of_their_own(place: Path) -> Path:
    (place / "ours").mkdir(mode=0o700)
    (place / "link").symlink_to(place / "ours")
    os.chown(place / "link", STRANGER, STRANGER, follow_symlinks=False)
    return place / "link" / "starling"


PREPARED: list[Callable[[Path], Path]] = [
    by_a_link,
    by_a_link_to_a_link,
    by_a_folder_that_all_can_write_to,
    by_a_folder_that_a_group_can_write_to,
    by_a_file,
    below_a_folder_that_all_can_write_to,
]
if AS_ROOT:
    PREPARED += [by_a_folder_of_their_own, below_a_folder_of_their_own, below_a_link_of_their_own]


@pytest.mark.parametrize("prepare", PREPARED)
def test_a_folder_that_was_prepared_is_refused_in_one_sentence(place: Path, prepare: Callable[[Path], Path]) -> None:
    folder = prepare(place)
    assert not create_private_folder(folder)
    address = Address(folder, "1.0")
    for use in (address.check_folder, lambda: run(address, Limits(1), models_dir=None, loaders={})):
        with pytest.raises(HostError, match=r"cannot be trusted: [^.]*STARLING_HOME[^.]*`model.host` to off[^.]*\.$"):
            use()
    assert not folder.is_dir() or list(folder.iterdir()) == []


def test_a_folder_of_ours_is_made_and_closed_to_others(place: Path) -> None:
    (place / "open").mkdir(mode=0o755)
    for folder in (place / "fresh", place / "open"):
        assert create_private_folder(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert create_private_folder(place / "deeper" / "still", own_parts=2)
    assert [(place / part).stat().st_mode & 0o777 for part in ("deeper", "deeper/still")] == [0o700] * 2


def test_a_path_that_is_not_absolute_is_not_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `~/.cache` is where there is neither HOME nor an entry for the user."""
    monkeypatch.chdir(place)
    assert not create_private_folder(Path("~/.cache/starling/run"))
    assert list(place.iterdir()) == []


def test_the_systems_own_links_are_followed_and_ours_before_our_own_folder_too(place: Path) -> None:
    (place / "real").mkdir(mode=0o700)
    (place / "real" / "starling").mkdir(mode=0o700)
    (place / "link").symlink_to("real")
    (place / "up").symlink_to("real/../real")
    assert explain_distrust(place / "link" / "starling") == ""
    assert explain_distrust(place / "up" / "starling") == ""
    (place / "round").symlink_to("round")
    assert "is a link" in explain_distrust(place / "round" / "starling")
    assert "plain path" in explain_distrust(Path("relative/starling"))


class Listener:
    """Somebody's socket that keeps what comes."""

    def __init__(self, path: Path) -> None:
        self.heard, self.connections = b"", 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                with connection:
                    connection.settimeout(1)
                    with contextlib.suppress(OSError):
                        while piece := connection.recv(65536):
                            self.heard += piece

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(WAIT_S)


def post(path: Path) -> None:
    """Send code to a socket, as a client of the host does."""

    async def send(client: httpx2.AsyncClient, _: object) -> None:
        await client.post("http://starling.localhost/v1/completions", content=SECRET, timeout=5)

    client = HttpClient(HttpOptions(socket=path, own=True))
    try:
        client.call("http://starling.localhost", send, cancelled=lambda: False)
    finally:
        client.close()


def test_a_peer_is_known(place: Path) -> None:
    listener = Listener(place / "s")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place / "s"))
        assert read_peer_uid(connection) == os.getuid()
        assert describe_foreign_peer(connection) == ""
    listener.close()


def test_a_socket_that_another_user_listens_at_gets_no_byte(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(place / "s")
    monkeypatch.setattr(peers, "read_peer_uid", lambda _: os.getuid() + 1)
    with pytest.raises(httpx2.ConnectError, match="listens there instead of you"):
        post(place / "s")
    listener.close()
    assert (listener.connections, listener.heard) == (1, b"")


def test_a_socket_of_ours_gets_it(place: Path) -> None:
    listener = Listener(place / "s")
    with pytest.raises(httpx2.TransportError):
        post(place / "s")
    listener.close()
    assert SECRET.encode() in listener.heard


def test_a_host_of_another_user_is_refused_before_it_is_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert create_private_folder(place / "starling")
    address = Address(place / "starling", "1.0")
    listener = Listener(address.socket)
    monkeypatch.setattr(peers, "read_peer_uid", lambda _: 12345)
    for use in (
        address.find_host,
        lambda: fetch_health(address),
        lambda: fetch_metrics(address),
        HostLauncher(address, ["never started"]).ensure_running,
    ):
        with pytest.raises(HostError, match=r"host-1.0.*, where the model host listens, belongs to user 12345"):
            use()
    listener.close()
    assert listener.heard == b""


def test_a_link_in_the_sockets_place_is_refused(place: Path) -> None:
    assert create_private_folder(place / "starling")
    address = Address(place / "starling", "1.0")
    listener = Listener(place / "s")
    address.socket.symlink_to(place / "s")
    with pytest.raises(HostError, match="is a link; remove it"):
        address.find_host()
    listener.close()
    assert listener.connections == 0


def test_the_host_shows_other_users_out_before_it_reads(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert create_private_folder(place / "starling")
    address = Address(place / "starling", "1.0")
    listens = threading.Event()
    limits = Limits(1 << 40, idle_s=2.0)
    host = threading.Thread(
        target=lambda: run(address, limits, models_dir=None, loaders={}, ready=lambda _: listens.set())
    )
    host.start()
    assert listens.wait(WAIT_S)
    assert fetch_health(address)
    monkeypatch.setattr(peers, "read_peer_uid", lambda _: os.getuid() + 1)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(address.socket))
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100) == b""
    host.join(WAIT_S)
    assert not host.is_alive()


if AS_ROOT:
    STRANGERS_LISTENER = textwrap.dedent("""
        import os, socket, sys
        listener = socket.socket(socket.AF_UNIX)
        os.setgid({uid}); os.setuid({uid})
        listener.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777); listener.listen(8)
        print("ready", flush=True)
        listener.settimeout(30)
        heard = b""
        connection, _ = listener.accept()
        connection.settimeout(1)
        try:
            while piece := connection.recv(65536):
                heard += piece
        except OSError:
            pass
        print(len(heard), flush=True)
    """).format(uid=STRANGER)

    def test_a_real_strangers_socket_gets_no_byte(place: Path) -> None:
        path = place / "s"
        command = [sys.executable, "-c", STRANGERS_LISTENER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == "ready\n"
            with pytest.raises(httpx2.ConnectError, match=f"user {STRANGER} listens there instead of you"):
                post(path)
            assert stranger.stdout.readline() == "0\n"
            stranger.wait(WAIT_S)

    def test_a_real_strangers_connection_is_shown_out(place: Path) -> None:
        """Even where the folder and the socket stand open."""
        assert create_private_folder(place / "starling")
        address = Address(place / "starling", "1.0")
        listens = threading.Event()
        limits = Limits(1 << 40, idle_s=3.0)
        host = threading.Thread(
            target=lambda: run(address, limits, models_dir=None, loaders={}, ready=lambda _: listens.set())
        )
        host.start()
        assert listens.wait(WAIT_S)
        address.folder.chmod(0o755)
        address.socket.chmod(0o777)
        code = textwrap.dedent("""
            import os, socket, sys
            connection = socket.socket(socket.AF_UNIX)
            os.setgid({uid}); os.setuid({uid})
            connection.settimeout(30); connection.connect(sys.argv[1])
            try:
                connection.sendall(b"GET /v1/models HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
                print(len(connection.recv(100)))
            except ConnectionError:
                print(0)
        """).format(uid=STRANGER)
        command = [sys.executable, "-c", code, str(address.socket)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "0\n"
        host.join(WAIT_S)
        assert not host.is_alive()
