"""Stores used by processes of their own: several at once, and one that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that runs `code`, with `arguments` in `sys.argv`."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Wait until all `processes` have ended, and return what each printed; fails where one wrote an error."""
    printed = []
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert errors == ""
        printed.append(out)
    return printed


def kill_inside(code: str, *arguments: object) -> None:
    """Run `code` until it prints a line, then kill the process, so that nothing of it can be cleaned up."""
    with start(code, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
