"""The keys of the recording: type a function, accept suggestions, and approve the fix of a finding.

Everything on the screen comes from Neovim and Starling. Start at `play`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docs.recording.terminal import Terminal

FILE = "server/words.py"
TEXT = '"""Count the words of a file."""\n\nfrom pathlib import Path\n\n\n'
KEY_S = 0.07
LOOK_S, READ_S = 0.9, 2.4  # for a suggestion; for a diff


def play(terminal: Terminal) -> None:
    """Play the whole story in a Neovim that shows `FILE`.

    Raises:
        TerminalError: a suggestion, the finding or the proposal did not come.
    """
    terminal.pause(0.8)
    terminal.type("Go", KEY_S)
    terminal.type("def count_words(path: Path, counts={}):\r", KEY_S)
    _accept_behind(terminal, "text = path.read_te")
    terminal.type("\rfor word in text.split():\r", KEY_S)
    terminal.type("counts[word] = counts.get(word, 0) + 1\r", KEY_S)
    _accept_behind(terminal, "\breturn co")
    terminal.send("\x1b")
    terminal.wait(lambda shown: "This default" in _text(shown), "the finding")
    terminal.pause(READ_S / 2)
    terminal.type("6G", KEY_S)
    _choose(terminal, "Create a new value in each call")
    terminal.wait(lambda shown: "a Apply" in _text(shown), "the proposal")
    terminal.pause(READ_S)
    terminal.send("a")
    terminal.wait(lambda shown: "a Apply" not in _text(shown), "the change")
    terminal.pause(READ_S)


def _accept_behind(terminal: Terminal, typed: str) -> None:
    """Type `typed`, wait for a suggestion behind it, and take it."""
    terminal.type(typed, KEY_S)
    terminal.wait(lambda shown: bool(shown.behind_cursor()), f"a suggestion behind {typed!r}")
    terminal.pause(LOOK_S)
    terminal.send("\t")
    terminal.wait(lambda shown: not shown.behind_cursor(), "the suggestion to be taken")


def _choose(terminal: Terminal, title: str) -> None:
    """Open the menu of code actions and choose the one with this title."""
    entry = re.compile(rf"(\d+): {re.escape(title)}")
    terminal.type("gra", KEY_S)
    terminal.wait(lambda shown: entry.search(_text(shown)) is not None, f"the code action {title!r}")
    terminal.pause(LOOK_S)
    found = entry.search(_text(terminal))
    assert found is not None
    terminal.type(f"{found[1]}\r", KEY_S)


def _text(terminal: Terminal) -> str:
    return "\n".join(terminal.lines())
