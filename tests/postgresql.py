"""A PostgreSQL server for tests: in a temporary folder, on a socket there, as a user without rights.

`start` skips the test where PostgreSQL or psycopg is not installed. Start at `Server`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest

PLACE = "TEST_POSTGRESQL"  # the folder of the programs of another PostgreSQL than the installed one
PROGRAMS = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *Path("/usr").glob("pgsql*/bin"))
USERS = ("postgres", "nobody")  # as root, PostgreSQL does not start
STARTING_S = 60.0
DATABASE = "starling"


class Server:
    """One server with an empty database.

    Attributes:
        folder: its files and its socket.
    """

    def __init__(self) -> None:
        programs = [
            *map(Path, filter(None, [os.environ.get(PLACE)])),
            *PROGRAMS,
            *(Path(one).parent for one in filter(None, [shutil.which("initdb")])),
        ]
        found = next((one for one in programs if (one / "initdb").exists()), None)
        if found is None:
            pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
        self._programs = found
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a short path, for the socket
        self._user: str | None = None
        if os.getuid() == 0:
            self._user = next(one for one in USERS if _exists(one))
            shutil.chown(self.folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)
        self._run("initdb", "-D", self.data, "-U", DATABASE, "-A", "trust", "-E", "UTF8", "--no-sync", *_choose_order())
        self.start()
        self._run("createdb", "-h", self.folder, "-U", DATABASE, DATABASE)

    @property
    def data(self) -> Path:
        """The folder of its files."""
        return self.folder / "data"

    def _run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs; fails with what it said."""
        done = subprocess.run(
            [self._programs / program, *map(str, arguments)], user=self._user, cwd=self.folder, check=False,
            capture_output=True, text=True, timeout=STARTING_S, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def start(self, **options: str) -> None:
        """Start it, and wait until it takes connections."""
        settings = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "100", "listen_addresses": ""}
        named = [f"-c{name}={value}" for name, value in (settings | options).items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, "-k", self.folder, *named],
                user=self._user, cwd=self.folder, stdout=log, stderr=log, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        until = time.monotonic() + STARTING_S
        while subprocess.run([self._programs / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        """End it: its clients are disconnected; with `kill`, as after a power cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if kill else signal.SIGINT)
            self._process.wait(timeout=STARTING_S)
            self._process = None

    def remove(self) -> None:
        """End it and remove its files."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_url(self, schema: str = "") -> str:
        """Return the address of the database, or of a schema in it, which is created."""
        url = f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.folder), safe='')}"
        return make_schema(url, schema) if schema else url


def make_schema(url: str, schema: str) -> str:
    """Create a schema in the database at `url`, and return the address whose tables are there."""
    import psycopg  # noqa: PLC0415 (an extra)

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    return f"{url}&options={quote(f'-csearch_path={schema}', safe='')}"


@cache
def get_server() -> Server:
    """Return the server of this process, started at the first call."""
    pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")
    return Server()


def _exists(user: str) -> bool:
    """Return whether the system has a user of this name."""
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


def _choose_order() -> list[str]:
    """Return the options for an order of texts that is not that of their bytes, as most servers have it."""
    return ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]
