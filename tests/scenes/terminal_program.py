"""A program on a pseudo-terminal: what a person types there, and all that the program has written, with the times.

Not on Windows. Start at `TerminalProgram.start`.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WAIT_S = 60.0
READ_BYTES = 65_536
POLL_S = 0.01
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\r")
ASKED, ANSWER = b"\x1b[c", b"\x1b[?62;22c"  # a program asks for the kind of terminal; the answer: one with colours


class TerminalProgram:
    """A running program on a pseudo-terminal.

    Attributes:
        process: the program.
        output: what it has written so far: pieces, each with the seconds since the start.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.output: list[tuple[float, bytes]] = []
        self._master = master
        self._started = time.monotonic()
        self._read_up_to = 0
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    @staticmethod
    @contextmanager
    def start(
        command: Sequence[str], environment: Mapping[str, str], folder: Path, *, columns: int = 100, rows: int = 40
    ) -> Iterator[TerminalProgram]:
        """Start `command` in `folder`, on a terminal of that size; end it at the end of the block."""
        import fcntl  # noqa: PLC0415 (not on Windows, and so are the next two)
        import pty  # noqa: PLC0415
        import termios  # noqa: PLC0415

        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment), cwd=folder, start_new_session=True
        )
        os.close(slave)
        program = TerminalProgram(process, master)
        try:
            yield program
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            process.kill()
            process.wait()
            program._reader.join(timeout=5)
            os.close(master)

    @property
    def text(self) -> str:
        """All output so far, without colours and carriage returns."""
        whole = b"".join(piece for _, piece in tuple(self.output))
        return SEQUENCES.sub("", whole.decode(errors="replace"))

    def wait_for(self, text: str) -> None:
        """Wait until `text` is written after what was waited for before.

        Raises:
            AssertionError: it was not written in time.
        """
        deadline = time.monotonic() + WAIT_S
        while (at := self.text.find(text, self._read_up_to)) < 0:
            assert time.monotonic() < deadline, f"{text!r} was not written:\n{self.text}"
            assert self._reader.is_alive() or text in self.text[self._read_up_to :], f"no {text!r}:\n{self.text}"
            time.sleep(POLL_S)
        self._read_up_to = at + len(text)

    def enter(self, line: str) -> None:
        """Type a line, and press Enter."""
        os.write(self._master, f"{line}\n".encode())

    def wait_for_end(self) -> int:
        """Wait for the end of the program and of its output; return its exit status."""
        status = self.process.wait(timeout=WAIT_S)
        self._reader.join(timeout=WAIT_S)
        return status

    def _read(self) -> None:
        """Read output until the program has closed the terminal."""
        while True:
            try:
                piece = os.read(self._master, READ_BYTES)
            except OSError:  # Linux reports the end like this
                return
            if not piece:
                return
            self.output.append((time.monotonic() - self._started, piece))
            if ASKED in piece:
                with suppress(OSError):
                    os.write(self._master, ANSWER)
