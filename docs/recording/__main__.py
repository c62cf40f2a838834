"""Record a real session of Starling in Neovim as an animated SVG: `make recording`.

Neovim runs with the configuration of the plugin's README and the real server, with the bundled model and the defaults,
in a copy of this program's modules. The SVG has the screens of the terminal, at their real times; the recording begins
when the server and the index are ready. Start at `main`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from docs.recording.story import FILE, TEXT, play
from docs.recording.svg import animate
from docs.recording.terminal import Terminal
from tests.editors.neovim import Neovim

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("server", "agents", "indexing")
COLUMNS, ROWS = 100, 22
REST_S = 2.5
TITLE = (
    "Starling in Neovim: suggestions appear while a function is typed and are accepted, a finding appears, and its fix "
    "is shown as a diff, approved and written"
)
# Makes the screen small and quiet, but does not change what Starling does.
LOOKS = """
vim.o.termguicolors = true
vim.o.background = 'dark'
vim.o.laststatus = 0
vim.o.ruler = false
vim.diagnostic.config({ virtual_text = true, signs = false })
"""


def main(target: Path, programs: Path) -> None:
    """Play the story in a fresh Neovim and write the SVG to `target`; `programs` is the folder of `starling`.

    Raises:
        NeovimError: the server or its index was not ready in time.
        TerminalError: a suggestion, the finding or the proposal did not come in time.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work, home = Path(folder) / "starling", Path(folder) / "home"
        for module in MODULES:
            shutil.copytree(ROOT / module, work / module, ignore=shutil.ignore_patterns("__pycache__"))
        (work / ".starling.toml").write_text("", encoding="utf-8")  # the root of the workspace
        file = work / FILE
        file.write_text(TEXT, encoding="utf-8")
        with Neovim.start(file, home, configuration=LOOKS, path=str(programs)) as editor:
            editor.wait_for_server()
            editor.wait_for_index()
            window = [editor.program, "--server", str(editor.socket), "--remote-ui"]
            environment = {**editor.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            with Terminal.start(window, environment, str(work), COLUMNS, ROWS) as terminal:
                terminal.pause(1)
                terminal.record()
                play(terminal)
                screens = list(terminal.screens)
    target.write_text(animate(screens, REST_S, TITLE), encoding="utf-8")
    size = target.stat().st_size
    sys.stdout.write(f"{os.fspath(target)}: {len(screens)} screens, {screens[-1].at_s:.1f} s, {size:,} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
