"""A real ssh server on a free port of this machine, for the user who runs the tests, with keys of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
MISSING = "sshd is not installed (Debian's package is openssh-server)"
_CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/pid
AuthorizedKeysFile {folder}/user_key.pub
AuthenticationMethods publickey
PasswordAuthentication no
StrictModes no
UsePAM no
LogLevel ERROR
"""
_CLIENT = """Host prod-host
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


@dataclass(frozen=True)
class SshServer:
    """A server that listens; `config` is the configuration with which ssh finds it as `prod-host`."""

    port: int
    folder: Path
    config: Path


@contextmanager
def serve_ssh(folder: Path) -> Iterator[SshServer]:
    """Yield a server with its files in `folder`, and end it."""
    assert SSHD is not None, MISSING
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    (folder / "sshd_config").write_text(_CONFIG.format(port=port, folder=folder))
    (folder / "ssh_config").write_text(_CLIENT.format(port=port, folder=folder, user=getpass.getuser()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # Debian's sshd wants it when root runs it
    log = (folder / "log").open("w")
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        _wait_until_open(port, server, folder)
        yield SshServer(port, folder, folder / "ssh_config")
    finally:
        server.terminate()
        server.wait()
        log.close()


def _wait_until_open(port: int, server: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the server accepts connections."""
    end = time.monotonic() + 20
    while time.monotonic() < end and server.poll() is None:
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError((folder / "log").read_text())
