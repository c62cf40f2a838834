"""Record the scenes in the terminal, in Neovim and in acpx: `python -m docs.recording.scenes FOLDER [NAME]`.

Each picture shows what the programs really wrote while `tests.scenes` played the scene with a scripted model, with
pauses in which a person would read. Needs Neovim in the variable NEOVIM and acpx in ACPX. Start at `main`.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from docs.recording.emulator import Emulator
from docs.recording.screen import Screen
from docs.recording.svg import animate
from tests.editors import acpx_scenes, neovim_scenes
from tests.scenes import in_terminal
from tests.scenes.all_scenes import SCENES
from tests.scenes.terminal_program import TerminalProgram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.editors.neovim import Neovim
    from tests.scenes.scene import Scene

TOKEN_S, READ_S, REST_S = 0.012, 1.6, 4.0
LEAST_S = (0.3, 0.5, 0.8, 1.2, 2.0)  # between two screens: the first with which the picture is small enough
LARGEST = 180_000  # bytes of a picture
TERMINAL_SIZE, NEOVIM_SIZE = (100, 30), (120, 32)
LOOKS = """
vim.o.termguicolors = true
vim.o.background = 'dark'
vim.o.laststatus = 0
vim.o.ruler = false
vim.o.cmdheight = 1
"""

Pieces = list[tuple[float, bytes]]


def main(target: Path, names: Sequence[str]) -> None:
    """Record the scenes with these names, or all, and write their pictures into the folder `target`."""
    target.mkdir(exist_ok=True)
    os.environ["STARLING_INDEX__ENABLED"] = "false"
    for scene in SCENES:
        if names and scene.name not in names:
            continue
        paced = scene.slow_down(TOKEN_S)
        for face, (pieces, size) in {
            "terminal": (record_in_terminal(paced), TERMINAL_SIZE),
            "neovim": (record_in_neovim(paced), NEOVIM_SIZE),
            "acpx": (record_in_acpx(paced), TERMINAL_SIZE),
        }.items():
            path = target / f"{face}-{scene.name}.svg"
            path.write_text(draw(pieces, size, f"{scene.title}, in {face}"), encoding="utf-8")
            sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


def draw(pieces: Pieces, size: tuple[int, int], title: str) -> str:
    """Return the animated picture of a terminal of that size to which `pieces` were written."""
    drawn = ""
    for least_s in LEAST_S:
        drawn = animate(list(make_screens(pieces, *size, least_s=least_s)), REST_S, title)
        if len(drawn.encode()) <= LARGEST:
            break
    return drawn


def record_in_terminal(scene: Scene) -> Pieces:
    """Play the scene in the terminal, and return what was written there, with the commands that a person typed."""
    with tempfile.TemporaryDirectory() as folder:
        programs = in_terminal.play(scene, Path(folder), read_s=READ_S)
    commands = [
        ["starling", "do" if turn.acts else "ask", *(("--continue",) if number else ()), turn.request]
        for number, turn in enumerate(scene.turns)
    ]
    return join_turns(commands, programs)


def record_in_acpx(scene: Scene) -> Pieces:
    """Play the scene in acpx, and return what was written there, with the commands that a person typed."""
    with tempfile.TemporaryDirectory() as folder:
        programs = acpx_scenes.play(scene, Path(folder), columns=TERMINAL_SIZE[0], rows=TERMINAL_SIZE[1], read_s=READ_S)
    commands = [["acpx", "--agent", "starling acp", "exec", turn.request] for turn in scene.turns]
    return join_turns(commands, programs)


def join_turns(commands: Sequence[Sequence[str]], programs: Sequence[TerminalProgram]) -> Pieces:
    """Return the output of programs one after the other, each after its command line and a pause to read."""
    pieces: Pieces = []
    for command, program in zip(commands, programs, strict=True):
        begun = pieces[-1][0] + READ_S if pieces else 0.0
        pieces.append((begun, f"\x1b[1m$ {shlex.join(command)}\x1b[0m\r\n".encode()))
        first = program.output[0][0]
        pieces += [(begun + READ_S + at - first, piece) for at, piece in program.output]
    return pieces


def record_in_neovim(scene: Scene) -> Pieces:
    """Play the scene in Neovim, and return what Neovim wrote on a terminal that is attached to it."""
    pieces: Pieces = []

    @contextmanager
    def watch(editor: Neovim) -> Iterator[None]:
        command = [editor.program, "--server", str(editor.socket), "--remote-ui"]
        environment = {**editor.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        columns, rows = NEOVIM_SIZE
        with TerminalProgram.start(command, environment, Path.cwd(), columns=columns, rows=rows) as program:
            yield
            pieces.extend(program.output)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        programs = str(Path(sys.executable).parent)
        neovim_scenes.play(scene, Path(folder), programs, configuration=LOOKS, watch=watch, read_s=READ_S)
    return pieces


def make_screens(pieces: Pieces, columns: int, rows: int, *, least_s: float) -> Iterator[Screen]:
    """Yield the screens of a terminal to which `pieces` were written, at most one in `least_s` seconds."""
    emulator = Emulator(columns, rows)
    shown: Screen | None = None
    rest = b""
    for number, (at, piece) in enumerate(pieces):
        rest += piece
        next_at = pieces[number + 1][0] if number + 1 < len(pieces) else at + READ_S
        if next_at - at < 0.03 and number + 1 < len(pieces):
            continue  # a program writes one picture in several pieces
        emulator.feed(rest)
        rest = b""
        if shown is not None and next_at - pieces[0][0] - shown.at_s < least_s:
            continue
        screen = Screen(max(0.0, at - pieces[0][0]), emulator.read_rows())
        if shown is None or screen.rows != shown.rows:
            shown = screen
            yield screen


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
