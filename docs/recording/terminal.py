"""A program in a pseudo-terminal, and the screens that it shows, with their times.

The program's bytes go through `pyte`, a terminal emulator; nothing else draws. Start at `Terminal.start`.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pyte

from docs.recording.screen import Look, Run, Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from docs.recording.screen import Row

READ_BYTES = 65_536
PAINT_S = 0.03  # a program writes one picture in several pieces; a screen is taken when it pauses
WAIT_S = 60.0
ASKED, ANSWER = b"\x1b[c", b"\x1b[?62;22c"  # a program asks for the kind of terminal; the answer: one with colours
COLOUR, BACKGROUND = "#e0e2ea", "#14161b"  # Neovim's own dark colours, for text in the terminal's default colours
NAMED = {
    "black": "#07080d", "red": "#ffc0b9", "green": "#b3f6c0", "brown": "#fce094", "blue": "#a6dbff",
    "magenta": "#ffcaff", "cyan": "#8cf8f7", "white": "#eef1f8",
}  # fmt: skip
# Sequences that pyte would misread: device controls, private modes of SGR, and underlines with a shape or a colour.
UNKNOWN = re.compile(rb"\x1bP.*?\x1b\\|\x1b\[[>?=][0-9;]*[mu]|\x1b\[[<>=?][0-9;]*u|\x1b\[58[:;0-9]*m", re.DOTALL)
SHAPED = re.compile(rb"\x1b\[([0-9;]*)4:([0-9])([0-9;]*)m")


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
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
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
        return list(self._screen.display)

    def read_after_cursor(self) -> str:
        """Return the text of the cursor's row, from the cursor to the end of the row, without trailing spaces."""
        return self.read_lines()[self._screen.cursor.y][self._screen.cursor.x :].rstrip()

    def _read(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for output, read it until it pauses, then update and record the screen."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return
        data = b""
        while select.select([self._master], [], [], PAINT_S)[0]:
            data += os.read(self._master, READ_BYTES)
        if ASKED in data:
            os.write(self._master, ANSWER)
        self._stream.feed(SHAPED.sub(_simplify_underline, UNKNOWN.sub(b"", data)))
        self._record_screen()

    def _record_screen(self) -> None:
        """Record the screen if recording has begun and the screen has changed."""
        if not self._recording:
            return
        rows = tuple(self._read_row(number) for number in range(self._screen.lines))
        if not self.screens or self.screens[-1].rows != rows:
            self.screens.append(Screen(time.monotonic() - self._begun_s, rows))

    def _read_row(self, number: int) -> Row:
        """Return a row of the screen as runs of characters with the same look; the cursor's cell is reversed."""
        cursor = self._screen.cursor
        at = -1 if cursor.hidden or cursor.y != number else cursor.x
        cells = self._screen.buffer[number]
        runs: list[Run] = []
        for column in range(self._screen.columns):
            cell = cells[column]
            look = _get_look(cell, reverse=bool(cell.reverse) != (column == at))
            if runs and runs[-1].look == look:
                runs[-1] = Run(runs[-1].column, runs[-1].text + cell.data, look)
            else:
                runs.append(Run(column, cell.data, look))
        return tuple(runs)


def _get_look(cell: Any, *, reverse: bool) -> Look:  # noqa: ANN401 (pyte carries no types)
    """Return the look of a cell of pyte, with its colours exchanged if `reverse`."""
    colour, background = _get_colour(cell.fg, COLOUR), _get_colour(cell.bg, BACKGROUND)
    if reverse:
        colour, background = background, colour
    return Look(colour, background, cell.bold, cell.italics, cell.underscore)


def _get_colour(name: str, default: str) -> str:
    """Return a colour of pyte as "#rrggbb"; `default` for the terminal's own colour and for unknown names."""
    if name == "default":
        return default
    if re.fullmatch(r"[0-9a-fA-F]{6}", name):
        return f"#{name.lower()}"
    return NAMED.get(name.removeprefix("bright"), default)


def _simplify_underline(found: re.Match[bytes]) -> bytes:
    """Return the sequence for an underline with a shape as one for a plain underline, or for none if the shape is 0."""
    line = b"24" if found[2] == b"0" else b"4"
    return b"\x1b[" + found[1] + line + found[3] + b"m"
