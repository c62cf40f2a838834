"""Kill -9 of server, editor, terminal or model at any moment of a run: the session goes on, and each write is once.

A run reads files, edits four of them with a person's yes, and runs a command. `KILLS` in the environment says how many
moments are tried (CONTRIBUTING). A moment is a number of things that have happened and some milliseconds more, so that
no machine is too slow or too fast for it.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.wire import forking
from tests.wire.conftest import PROGRAM, WAIT_S
from tests.wire.working_model import ADDED, DONE, FILES, RAN, REQUEST, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

EDITOR = Path(__file__).with_name("editor_process.py")
MODEL = Path(__file__).with_name("working_model.py")
KILLS = int(os.environ.get("KILLS", "8"))
VICTIMS = ("server", "editor", "model", "terminal")
MOST_LATE_S = 0.04  # after the last thing that happened
USUAL_FACTS = 40  # told by an editor until the end of a run that nobody disturbs; checked below
USUAL_LINES = 66  # written on the terminal until then

posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes of one process become streams of another")


@dataclass
class Model:
    """The process with the model, on one port for all runs."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process unless it runs, and wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return
        self.process = subprocess.Popen([sys.executable, str(MODEL), str(self.port)], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline()

    def kill(self) -> None:
        """Kill the process."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(WAIT_S)
        self.process.stdout.close()


@dataclass
class Stage:
    """A workspace and a home, for one run and the one that goes on with it."""

    workspace: Path
    home: Path
    model: Model

    def write_files(self) -> None:
        """Write the files as they are before the work."""
        self.workspace.mkdir()
        for name in FILES:
            (self.workspace / name).write_text(write_text(name), "utf-8")

    def begin(self, **request: Any) -> Run:
        """Start a server and an editor that asks it to work; without `session` it goes on with the newest session."""
        wanted = {**request, "mode": "act", "request": f"@debug {REQUEST}"}
        asked = {"workspace": str(self.workspace), "open": FILES[:2], "request": wanted}
        to_server, to_editor = os.pipe(), os.pipe()
        try:
            with forking.fork_servers():
                server = subprocess.Popen(
                    PROGRAM, stdin=to_server[0], stdout=to_editor[1], env=self.environment, cwd=self.workspace
                )
            editor = subprocess.Popen(
                [sys.executable, "-S", str(EDITOR), json.dumps(asked)],
                stdin=to_editor[0], stdout=to_server[1], stderr=subprocess.PIPE,
            )  # fmt: skip
        finally:
            for descriptor in (*to_server, *to_editor):
                os.close(descriptor)
        return Run(editor, server)

    def begin_on_terminal(self) -> Run:
        """Start `starling do` with the same request; every change is allowed beforehand."""
        words = ["do", "--yes", "edit", "--yes", "run", "-w", str(self.workspace), f"@debug {REQUEST}"]
        with forking.fork_servers():
            command = [*PROGRAM[:2], *words]
            return Run(
                subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the program."""
        return {
            **os.environ, "STARLING_HOME": str(self.home), "STARLING_MODEL__ENABLED": "false",
            "STARLING_INDEX__ENABLED": "false", "STARLING_CHAT__MODEL": "scripted",
            "STARLING_CHAT__URL": f"http://127.0.0.1:{self.model.port}/v1",
        }  # fmt: skip


@dataclass
class Run:
    """A client at work.

    Attributes:
        client: the process of the editor, or of the terminal.
        server: the process of the editor's server; None for a terminal.
        facts: what the client has told so far.
        seen: all processes of the run that were seen.
    """

    client: subprocess.Popen[bytes]
    server: subprocess.Popen[bytes] | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)
    seen: set[psutil.Process] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read_facts, daemon=True)
        self._reader.start()

    def wait_for_facts(self, count: int) -> None:
        """Wait until the client has told `count` facts, or has ended."""
        with self._told:
            self._told.wait_for(lambda: len(self.facts) >= count or not self._reader.is_alive(), WAIT_S)

    def kill(self, *, client: bool) -> None:
        """Kill the client, or its server."""
        for process in filter(None, (self.client, self.server)):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.seen.update(psutil.Process(process.pid).children(recursive=True))
        victim = self.client if client else self.server
        assert victim is not None
        victim.kill()

    def finish(self) -> dict[str, Any]:
        """Wait until all processes have ended; return the facts by their names, the last of each name."""
        for process in filter(None, (self.client, self.server)):
            process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        _, alive = psutil.wait_procs(list(self.seen), timeout=WAIT_S)
        assert alive == []
        return dict(collections.ChainMap(*reversed(self.facts)))

    def _read_facts(self) -> None:
        assert self.client.stderr is not None
        with self.client.stderr as lines:
            for line in lines:
                with self._told:
                    self.facts.append(json.loads(line) if line.startswith(b"{") else {"line": line.decode()})
                    self._told.notify_all()
        with self._told:
            self._told.notify_all()


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    """Yield the process with the model; it is started by whoever needs it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        made = Model(free.getsockname()[1])
    yield made
    made.kill()


def make_stage(folder: Path, model: Model) -> Stage:
    """Return a new stage below `folder`, with the model running."""
    stage = Stage(folder / "workspace", folder / "home", model)
    stage.write_files()
    model.start()
    return stage


def check_end(stage: Stage, told: dict[str, Any]) -> None:
    """Check that the work is done, each write is there and recorded once, and nobody holds a session."""
    assert (told["end"]["status"], told["end"]["text"]) == ("done", DONE), told
    for name in FILES:
        wanted = write_text(name).replace(f"end {name}", f"{ADDED} {name}\nend {name}")
        assert (stage.workspace / name).read_text("utf-8") == wanted
    assert (stage.workspace / RAN).read_text("utf-8") == "it ran\n"
    applied = collections.Counter(
        Path(path).name for one in told["approvals"] if one["verdict"] == "applied" and one["tool"] == "write_file"
        for path in one["subjects"]
    )  # fmt: skip
    written = collections.Counter(
        Path(row["subject"]).name for row in told["audit"] if row["written"] and row["action"] == "text"
    )
    assert dict(applied) == dict(written) == dict.fromkeys(FILES, 1)
    assert "pending" not in {one["status"] for one in told["approvals"]}
    assert {(one["state"], one["owner"]) for one in told["sessions"]} <= {("idle", ""), ("error", "")}
    assert sorted(path.name for path in stage.workspace.iterdir()) == sorted((*FILES, RAN))


@posix
def test_a_run_that_nobody_disturbs_is_done(tmp_path: Path, model: Model) -> None:
    stage = make_stage(tmp_path, model)
    run = stage.begin(session="")
    check_end(stage, run.finish())
    (end,) = (number for number, one in enumerate(run.facts) if "end" in one)
    assert abs(end - USUAL_FACTS) < 10, "the moments are drawn from the whole run, and hardly from what follows it"


@posix
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_goes_on_after_a_kill_and_makes_each_write_once(seed: int, tmp_path: Path, model: Model) -> None:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    victim = VICTIMS[seed % len(VICTIMS)]
    stage = make_stage(tmp_path, model)
    run = stage.begin_on_terminal() if victim == "terminal" else stage.begin(session="")
    run.wait_for_facts(chance.randrange(USUAL_LINES if victim == "terminal" else USUAL_FACTS))
    time.sleep(chance.uniform(0, MOST_LATE_S))
    if victim == "model":
        model.kill()
    else:
        run.kill(client=victim != "server")
    run.finish()
    model.start()
    check_end(stage, stage.begin().finish())
