"""A model that edits files and runs a command, and goes on wherever a conversation was broken off.

It looks before it acts, as the program tells every model to: each turn begins with reading all files, and what is there
already is not done again. It believes a result of its own turn. As a script of `models.scripted.scripted_server`; run
as a program it serves on the port of its argument, so that a test can kill it. Start at `WorkingModel`.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.chat import ReplyEnd, ToolCall
from models.scripted.scripted_server import ScriptedServer
from models.scripted.scripts import Script, Turn

FILES = ("one.txt", "two.txt", "three.txt", "four.txt")
REQUEST = "Work on all files"
"""Start of a person's request; the model looks at nothing before the last one."""

ADDED = "added to"
RAN = "ran.txt"
DONE = "All is done."
LATE_S = 0.01
"""Seconds before each answer, so that a moment to kill may fall into it."""


def write_text(name: str) -> str:
    """Return the text of a file before the work; adding a line twice would show."""
    return f"begin {name}\nend {name}\n"


def count_additions(text: str) -> int:
    """Return how often the model's edit was made in `text`."""
    return text.count(ADDED)


class WorkingModel(Script):
    """The model, as a script that reads the whole conversation."""

    def take(self, conversation: str) -> Turn:
        """Return the answer: the next calls that are missing, or the end."""
        said = conversation.rpartition(REQUEST)[2]
        calls = tuple(ToolCall(f"call_{len(said)}_{at}", *one) for at, one in enumerate(_choose_calls(said)))
        turn = Turn(words="", text="" if calls else DONE, calls=calls, first_token_s=LATE_S)
        return replace(turn, end=ReplyEnd.TOOLS) if calls else turn


def _choose_calls(said: str) -> list[tuple[str, dict[str, object]]]:
    """Return the next calls, after what was `said` in this turn; [] at the end of the work."""
    if f"begin {FILES[-1]}" not in said:
        return [("read_file", {"path": name}) for name in (*FILES, RAN)]
    for name in FILES:
        if f"{ADDED} {name}" not in said and f"Done: Edit {name}" not in said:
            old = f"end {name}\n"
            replacement = {"old": old, "new": f"{ADDED} {name}\n{old}"}
            return [("edit_file", {"path": name, "replacements": [replacement], "why": "It is missing."})]
    if "exit status 0" not in said and "it ran" not in said:
        return [("execute_command", {"command": f"echo it ran >> {RAN}"})]
    return []


if __name__ == "__main__":
    with ScriptedServer(WorkingModel(()), port=int(sys.argv[1])) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        threading.Event().wait()
