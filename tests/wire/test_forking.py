"""A forked server's process is what a new one would be, but for what `tests.wire.forking` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire import forking

if TYPE_CHECKING:
    from collections.abc import Mapping

SURVEYING = [sys.executable, str(Path(__file__).with_name("surveying.py")), "one", "--two"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")


def surveyed(folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.Popen(
        SURVEYING, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = done.communicate(b"what stands in the input")
    assert (done.returncode, err) == (3, b"")
    return dict(json.loads(out))


def test_a_fork_gets_what_a_new_process_gets(tmp_path: Path) -> None:
    environment = {**os.environ, "STARLING_HOME": str(tmp_path), "XDG_RUNTIME_DIR": ""}
    umask = os.umask(0o027)
    try:
        new = surveyed(tmp_path, environment)
        with forking.forked():
            forks = [surveyed(tmp_path, environment) for _ in range(2)]
    finally:
        os.umask(umask)
    assert [one.pop("command") == SURVEYING for one in (new, *forks)] == [True, False, False]
    own = [one.pop("own") for one in (new, *forks)]
    assert len({tuple(each) for each in own}) == len({number for _, number in own}) == 3
    assert forks == [new, new]


def test_what_may_count_while_the_program_is_imported_starts_a_new_process(tmp_path: Path) -> None:
    def command(name: str) -> list[str]:
        with forking.forked():
            return list(surveyed(tmp_path, {**os.environ, name: "1"})["command"])

    assert command("PYTHONSAFEPATH") == command("LC_ALL") == command("OMP_NUM_THREADS") == SURVEYING
    assert command("STARLING_HOME") != SURVEYING


def test_nothing_becomes_ours_that_loses_its_parent_later() -> None:
    with forking.forked():
        process = subprocess.Popen(SURVEYING, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.communicate()
    code = "import os, time; os.fork() or time.sleep(0.2) or print(os.getppid())"
    orphan = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True)
    assert int(orphan.stdout) != os.getpid()
