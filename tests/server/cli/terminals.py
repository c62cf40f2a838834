"""A pseudo-terminal with a person at it, for tests of what the program asks there. Start at `Terminal`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, str(Path(__file__).with_name("terminal_program.py"))]
WAIT_S = 60.0
READ_BYTES = 4096


class Terminal:
    """A person at the pseudo-terminal on which a program runs that asks one question."""

    def __init__(self, root: Path, *arguments: str, **environment: str) -> None:
        import pty  # noqa: PLC0415 (not on Windows)

        self._master, slave = pty.openpty()
        own = {"STARLING_HOME": str(root.parent / "home"), "TERM": "xterm", "COLUMNS": "80"}
        self.process = subprocess.Popen(
            [*PROGRAM, str(root), *arguments],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**os.environ, **own, **environment},
            start_new_session=True,
        )
        os.close(slave)
        self.screen = ""

    def wait_for(self, text: str, times: int = 1) -> str:
        """Wait until `text` is on the screen `times` times, and return the whole screen."""
        end = time.monotonic() + WAIT_S
        while self.screen.count(text) < times:
            assert time.monotonic() < end, self.screen
            self.screen += os.read(self._master, READ_BYTES).decode()
        return self.screen

    def enter(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end_input(self) -> None:
        os.write(self._master, b"\x04")

    def read_outcome(self) -> list[Any]:
        """Wait for the end of the program, and return the list that it printed."""
        out, _ = self.process.communicate(timeout=WAIT_S)
        return list(json.loads(out))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._master)
