"""The process of a forked server equals a new one, except for the differences listed in `tests.wire.forking`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from indexing.process import spawning
from tests.wire import forking
from tests.wire.conftest import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping

SURVEYING = [sys.executable, str(Path(__file__).with_name("surveying.py")), "one", "--two"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")


def run_survey(folder: Path, environment: Mapping[str, str], *options: str) -> dict[str, Any]:
    """Run the survey in a process and return its result."""
    done = subprocess.Popen(
        [*SURVEYING, *options],
        cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = done.communicate(b"what stands in the input")
    assert (done.returncode, err) == (3, b"")
    return dict(json.loads(out))


def test_a_fork_gets_what_a_new_process_gets(tmp_path: Path) -> None:
    environment = {**os.environ, "STARLING_HOME": str(tmp_path), "XDG_RUNTIME_DIR": ""}
    umask = os.umask(0o027)
    try:
        new = run_survey(tmp_path, environment)
        with forking.fork_servers():
            forks = [run_survey(tmp_path, environment) for _ in range(2)]
    finally:
        os.umask(umask)
    assert [one.pop("command") == SURVEYING for one in (new, *forks)] == [True, False, False]
    own = [one.pop("own") for one in (new, *forks)]
    assert len({tuple(each) for each in own}) == len({number for _, number in own}) == 3
    for fork in forks:
        fork["descriptors"].remove("socket")  # by which it starts processes
    assert forks == [new, new]


def test_a_process_that_a_fork_starts_gets_what_one_of_a_new_process_gets(tmp_path: Path) -> None:
    environment = {**os.environ, "STARLING_HOME": str(tmp_path)}
    new = run_survey(tmp_path, environment, "--through")
    with forking.fork_servers():
        forks = [run_survey(tmp_path, environment, "--through") for _ in range(2)]
    command = spawning.make_command("tests.wire.surveying")
    assert [one.pop("command") == command for one in (new, *forks)] == [True, False, False]
    own = [one.pop("own") for one in (new, *forks)]
    assert len({number for _, number in own}) == 3
    assert ["isolated=1" in one.pop("flags") for one in (new, *forks)] == [True, False, False]
    assert new["parent, group and session"] == ["the one that starts it", "itself", "that of the session"]
    assert forks == [new, new]


def test_processes_of_a_fork_end_with_it(tmp_path: Path) -> None:
    with forking.fork_servers():
        process = subprocess.Popen(SURVEYING, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    end = time.monotonic() + WAIT_S
    while not (family := psutil.Process(process.pid).children()):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert psutil.wait_procs(family, timeout=WAIT_S)[1] == []


def test_a_variable_that_may_be_read_during_import_starts_a_new_process(tmp_path: Path) -> None:
    def find_command(name: str) -> list[str]:
        with forking.fork_servers():
            return list(run_survey(tmp_path, {**os.environ, name: "1"})["command"])

    assert find_command("PYTHONSAFEPATH") == find_command("LC_ALL") == find_command("OMP_NUM_THREADS") == SURVEYING
    assert find_command("STARLING_HOME") != SURVEYING


def test_later_orphans_are_not_adopted() -> None:
    with forking.fork_servers():
        process = subprocess.Popen(SURVEYING, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.communicate()
    code = "import os, time; os.fork() or time.sleep(0.2) or print(os.getppid())"
    orphan = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True)
    assert int(orphan.stdout) != os.getpid()
