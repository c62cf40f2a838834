"""A program in a pseudo-terminal, and the screens that it shows, with their times.

The program's bytes go through a terminal emulator; nothing else draws. Start at `Terminal.start`.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from docs.recording.emulator import Emulator
from docs.recording.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


READ_BYTES = 65_536
PAINT_S = 0.03  # a program writes one picture in several pieces; a screen is taken when it pauses
WAIT_S = 60.0
ASKED, ANSWER = b"\x1b[c", b"\x1b[?62;22c"  # a program asks for the kind of terminal; the answer: one with colours


class TerminalError(Exception):
    """Error for a program that did not show the expected screen in time."""


class Terminal:
    """A running program and its screens so far.

    Attributes:
        screens: one for each change, in order; empty until `record`.
    """

    def __init__(self, master: int, columns: int, rows: int) -> None:
        self.screens: list[Screen] = []
        self._master = master
        self._emulator = Emulator(columns, rows)
        self._begun_s = 0.0
        self._recording = False

    @staticmethod
    @contextmanager
    def start(
        command: Sequence[str], environment: Mapping[str, str], folder: str, columns: int, rows: int
    ) -> Iterator[Terminal]:
        """Start `command` in `folder`, in a terminal of that size, and end it at the end of the block."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment), cwd=folder, start_new_session=True
        )
        os.close(slave)
        try:
            yield Terminal(master, columns, rows)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            process.kill()
            process.wait()
            os.close(master)

    def record(self) -> None:
        """Begin to record screens; their times count from now."""
        self._begun_s, self._recording = time.monotonic(), True
        self._record_screen()

    def send(self, keys: str) -> None:
        """Press `keys`, as the bytes that a terminal sends."""
        os.write(self._master, keys.encode())

    def type(self, text: str, key_s: float) -> None:
        """Press one key after the other, `key_s` seconds apart."""
        for character in text:
            self.send(character)
            self.pause(key_s)

    def pause(self, seconds: float) -> None:
        """Press nothing for a while; the screens of that time are recorded."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)

    def wait_for(self, condition: Callable[[Terminal], bool], description: str) -> None:
        """Wait until `condition` returns true for this terminal.

        Raises:
            TerminalError: it did not return true within a minute; the message has `description` and the screen.
        """
        end = time.monotonic() + WAIT_S
        while not condition(self):
            if time.monotonic() > end:
                raise TerminalError(f"waited {WAIT_S:g} s in vain for {description}:\n" + "\n".join(self.read_lines()))
            self._read(PAINT_S)

    def read_lines(self) -> list[str]:
        """Return the text of the screen, a string for each row."""
        return self._emulator.read_lines()

    def read_after_cursor(self) -> str:
        """Return the text of the cursor's row, from the cursor to the end of the row, without trailing spaces."""
        return self._emulator.read_after_cursor()

    def _read(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for output, read it until it pauses, then update and record the screen."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return
        data = b""
        while select.select([self._master], [], [], PAINT_S)[0]:
            data += os.read(self._master, READ_BYTES)
        if ASKED in data:
            os.write(self._master, ANSWER)
        self._emulator.feed(data)
        self._record_screen()

    def _record_screen(self) -> None:
        """Record the screen if recording has begun and the screen has changed."""
        if not self._recording:
            return
        rows = self._emulator.read_rows()
        if not self.screens or self.screens[-1].rows != rows:
            self.screens.append(Screen(time.monotonic() - self._begun_s, rows))
