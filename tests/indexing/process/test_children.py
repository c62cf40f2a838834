"""A child may take so much time, memory and output, and no more; whatever it started goes with it."""

from __future__ import annotations

import sys
import time

import psutil
import pytest

from indexing.process import children
from indexing.process.children import Bounds

WIDE = Bounds(seconds=60, memory_bytes=1_000_000_000, output_bytes=1_000_000)
PYTHON = [sys.executable, "-I", "-c"]


def test_what_it_says_and_how_it_ended_comes_back() -> None:
    code = "import sys; text = sys.stdin.read(); print(text[::-1]); print('no', file=sys.stderr); sys.exit(3)"
    ended = children.run([*PYTHON, code], WIDE, text=b"abc")
    assert (ended.status, ended.output.split(), ended.said.split(), ended.beyond) == (3, [b"cba"], ["no"], "")


def test_a_child_that_reads_nothing_and_one_that_closes_its_output_end_too() -> None:
    assert children.run([*PYTHON, "pass"], WIDE, text=b"x" * 10_000_000).status == 0
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(5)"
    assert children.run([*PYTHON, code], WIDE).status == 5


def test_one_that_does_not_end_is_ended() -> None:
    began = time.monotonic()
    ended = children.run([*PYTHON, "import time; time.sleep(600)"], Bounds(1, 10**9, 1000))
    assert ended.beyond == "time"
    assert time.monotonic() - began < 60


def test_one_that_says_too_much_is_ended() -> None:
    code = "import sys\nwhile True: sys.stdout.write('x' * 10000)"
    ended = children.run([*PYTHON, code], Bounds(60, 10**9, 100_000))
    assert ended.beyond == "output"
    assert len(ended.output) <= 100_000


def test_complaints_without_end_are_not_kept_and_do_no_harm() -> None:
    ended = children.run([*PYTHON, "import sys\nfor _ in range(1000): sys.stderr.write('x' * 10000)"], WIDE)
    assert (ended.status, len(ended.said) <= 100_000) == (0, True)


@pytest.mark.parametrize("kernel", [True, False])
def test_one_that_takes_too_much_memory_gets_no_more(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    if not kernel:
        monkeypatch.setattr(children, "limit_memory", lambda *_: None)
    code = "kept = []\nwhile True: kept.append(bytearray(b'x') * 5_000_000)"
    ended = children.run([*PYTHON, code], Bounds(60, 200_000_000, 1000))
    assert ended.beyond == "memory" or "MemoryError" in ended.said


def test_what_it_started_goes_with_it() -> None:
    code = (
        "import subprocess, sys\n"
        "other = subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(600)'])\n"
        "print(other.pid, flush=True)\nother.wait()"
    )
    ended = children.run([*PYTHON, code], Bounds(3, 10**9, 1000))
    assert ended.beyond == "time"
    other = int(ended.output)
    end = time.monotonic() + 30
    while psutil.pid_exists(other) and psutil.Process(other).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end


def test_what_cannot_be_started_says_so() -> None:
    with pytest.raises(OSError):  # noqa: PT011 (which kind differs by system)
        children.run(["/no/such/program"], WIDE)
