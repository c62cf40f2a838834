"""Keys of the recording: type a function, accept suggestions, and approve the fix of a finding.

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
    _type_and_accept(terminal, "text = path.read_te")
    terminal.type("\rfor word in text.split():\r", KEY_S)
    terminal.type("counts[word] = counts.get(word, 0) + 1\r", KEY_S)
    _type_and_accept(terminal, "\breturn co")
    terminal.send("\x1b")
    terminal.wait_for(lambda shown: "This default" in _read_text(shown), "the finding")
    terminal.pause(READ_S / 2)
    terminal.type("6G", KEY_S)
    _choose_code_action(terminal, "Create a new value in each call")
    terminal.wait_for(lambda shown: "a Apply" in _read_text(shown), "the proposal")
    terminal.pause(READ_S)
    terminal.send("a")
    terminal.wait_for(lambda shown: "a Apply" not in _read_text(shown), "the change")
    terminal.pause(READ_S)


def _type_and_accept(terminal: Terminal, typed: str) -> None:
    """Type `typed`, wait for a suggestion after the cursor, and accept it with Tab."""
    terminal.type(typed, KEY_S)
    terminal.wait_for(lambda shown: bool(shown.read_after_cursor()), f"a suggestion after {typed!r}")
    terminal.pause(LOOK_S)
    terminal.send("\t")
    terminal.wait_for(lambda shown: not shown.read_after_cursor(), "the suggestion to be accepted")


def _choose_code_action(terminal: Terminal, title: str) -> None:
    """Open the menu of code actions, and choose the one with the title `title`."""
    entry = re.compile(rf"(\d+): {re.escape(title)}")
    terminal.type("gra", KEY_S)
    terminal.wait_for(lambda shown: entry.search(_read_text(shown)) is not None, f"the code action {title!r}")
    terminal.pause(LOOK_S)
    found = entry.search(_read_text(terminal))
    assert found is not None
    terminal.type(f"{found[1]}\r", KEY_S)


def _read_text(terminal: Terminal) -> str:
    """Return the text of the screen."""
    return "\n".join(terminal.read_lines())
