"""A real Helix in a terminal of tmux, driven by keys; what stands on its screen is all that comes back.

Its configuration is what `docs/editors/helix.md` tells people to write. Start at `Helix.start`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.editors.readme import block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

WAIT_S = 60.0
POLL_S = 0.1
PAUSE_S = 3.0  # a person's, before asking again


class HelixError(Exception):
    """Helix did not do what it was told, or not in time."""


@dataclass(frozen=True)
class Helix:
    """A running Helix.

    Attributes:
        socket: that of tmux.
        environment: what tmux is called in.
    """

    socket: Path
    environment: Mapping[str, str]

    @staticmethod
    @contextmanager
    def start(file: Path, home: Path, path: str, **settings: str) -> Iterator[Helix]:
        """Open `file` in a fresh Helix, as configured by the README, and end it afterwards.

        Args:
            file: what to edit; its folder is the working directory.
            home: an empty folder for everything Helix and Starling keep.
            path: folder to put first on PATH, where `starling` is.
            settings: more environment variables.
        """
        program = os.environ.get("HELIX") or shutil.which("hx")
        if not program or not shutil.which("tmux"):
            raise HelixError("no Helix or no tmux: `make test-helix` installs both, or name Helix in HELIX")
        languages = home / "config" / "helix" / "languages.toml"
        languages.parent.mkdir(parents=True)
        languages.write_text(block("Helix", "toml", "helix.md"), encoding="utf-8")
        environment = {
            **os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "STARLING_HOME": str(home / "starling"),
            "XDG_CONFIG_HOME": str(home / "config"), "XDG_CACHE_HOME": str(home / "cache"),
            "PATH": os.pathsep.join((path, os.environ["PATH"])), **settings,
        }  # fmt: skip
        helix = Helix(home / "tmux", environment)
        size = ("-x", "140", "-y", "40")
        helix._tmux("-f", os.devnull, "new-session", "-d", *size, "-c", str(file.parent), program, str(file))
        try:
            yield helix
        finally:
            helix._tmux("kill-server")

    def keys(self, *keys: str) -> None:
        """Press keys, in tmux' notation: `Escape`, `Enter`, `C-x`."""
        for key in keys:
            self._tmux("send-keys", key)

    def type(self, text: str) -> None:
        """Type `text` as it stands."""
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        """What stands on the screen."""
        return self._tmux("capture-pane", "-p")

    def ask_until(self, listed: str) -> None:
        """Ask for completions at the end of the line until a text is listed: the index may not be ready at first."""
        deadline = time.monotonic() + WAIT_S
        while listed not in self.screen():
            if time.monotonic() > deadline:
                raise HelixError(f"{listed!r} was never listed\n{self.screen()}")
            self.keys("Escape")
            self.wait_for(" NOR ")
            self.keys("A", "C-x")
            asked = time.monotonic()
            while listed not in self.screen() and time.monotonic() < asked + PAUSE_S:
                time.sleep(POLL_S)

    def wait_for(self, seen: str | Callable[[str], bool]) -> str:
        """Wait until the screen holds a text, or is as a function wants it; returns the screen.

        Raises:
            HelixError: it did not come; the message holds the screen.
        """
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            screen = self.screen()
            if seen in screen if isinstance(seen, str) else seen(screen):
                return screen
            time.sleep(POLL_S)
        raise HelixError(f"waited {WAIT_S:g} s in vain for {seen!r}\n{self.screen()}")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.socket), *arguments]
        done = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, check=False, timeout=WAIT_S
        )
        if done.returncode != 0:
            raise HelixError(f"{arguments}: {done.stderr.strip()}")
        return done.stdout
