"""Driver of a real Helix in a terminal of tmux: sends keys and reads the screen.

Its configuration is the one from `docs/editors/helix.md`. Start at `Helix.start`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.editors.readme import read_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

WAIT_S = 60.0
POLL_S = 0.1
PAUSE_S = 3.0  # before completions are requested again


class HelixError(Exception):
    """Helix did not do what a test asked for, or not in time."""


@dataclass(frozen=True)
class Helix:
    """A running Helix.

    Attributes:
        socket: the socket of tmux.
        environment: the environment of the calls of tmux.
    """

    socket: Path
    environment: Mapping[str, str]

    @staticmethod
    @contextmanager
    def start(file: Path, home: Path, path: str, **settings: str) -> Iterator[Helix]:
        """Open `file` in a fresh Helix with the documented configuration, and end Helix afterwards.

        Args:
            file: the file to edit; its folder is the working directory.
            home: an empty folder for all files that Helix and Starling store.
            path: the folder of `starling`, put first on PATH.
            settings: more environment variables.
        """
        program = os.environ.get("HELIX") or shutil.which("hx")
        if not program or not shutil.which("tmux"):
            raise HelixError("no Helix or no tmux: `make test-helix` installs both, or name Helix in HELIX")
        languages = home / "config" / "helix" / "languages.toml"
        languages.parent.mkdir(parents=True)
        languages.write_text(read_block("Helix", "toml", "helix.md"), encoding="utf-8")
        environment = {
            **os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "STARLING_HOME": str(home / "starling"),
            "XDG_CONFIG_HOME": str(home / "config"), "XDG_CACHE_HOME": str(home / "cache"),
            "PATH": os.pathsep.join((path, os.environ["PATH"])), **settings,
        }  # fmt: skip
        helix = Helix(home / "tmux", environment)
        size = ("-x", "140", "-y", "40")
        helix._run_tmux("-f", os.devnull, "new-session", "-d", *size, "-c", str(file.parent), program, str(file))
        try:
            yield helix
        finally:
            helix._run_tmux("kill-server")

    def press(self, *keys: str) -> None:
        """Press keys, in the notation of tmux: `Escape`, `Enter`, `C-x`."""
        for key in keys:
            self._run_tmux("send-keys", key)

    def type(self, text: str) -> None:
        """Type `text` as it stands."""
        self._run_tmux("send-keys", "-l", text)

    def read_screen(self) -> str:
        """Return the text on the screen."""
        return self._run_tmux("capture-pane", "-p")

    def request_completions_until(self, listed: str) -> None:
        """Request completions at the end of the line until the list has `listed`: the index may not be ready at first.

        Raises:
            HelixError: the list never had the text.
        """
        deadline = time.monotonic() + WAIT_S
        while listed not in self.read_screen():
            if time.monotonic() > deadline:
                raise HelixError(f"{listed!r} was never in the list\n{self.read_screen()}")
            self.press("Escape")
            self.wait_for(" NOR ")
            self.press("A", "C-x")
            asked = time.monotonic()
            while listed not in self.read_screen() and time.monotonic() < asked + PAUSE_S:
                time.sleep(POLL_S)

    def wait_for(self, expected: str | Callable[[str], bool]) -> str:
        """Wait until the screen holds a text, or a function returns true for the screen; return the screen.

        Raises:
            HelixError: that did not happen in time; the message holds the screen.
        """
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            screen = self.read_screen()
            if expected in screen if isinstance(expected, str) else expected(screen):
                return screen
            time.sleep(POLL_S)
        raise HelixError(f"waited {WAIT_S:g} s in vain for {expected!r}\n{self.read_screen()}")

    def _run_tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.socket), *arguments]
        done = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, check=False, timeout=WAIT_S
        )
        if done.returncode != 0:
            raise HelixError(f"{arguments}: {done.stderr.strip()}")
        return done.stdout
