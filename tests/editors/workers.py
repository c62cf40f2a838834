"""Real workers for the editor tests: a repository, a scripted endpoint, and `starling work` in a process of its own.

Start at `Workers`.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = "def area(r):\n    return 3.14 * r * r\n"
EDIT = {"path": "area.py", "replacements": [{"old": "3.14", "new": "3.1415926"}], "why": "It is more exact."}
COMMAND = "echo it was run"
ASKED = {"question": "Which colour?"}
SCRIPT = f"""
=== it was run
The worker went on.
=== run it
@times 1
@call execute_command {json.dumps({"command": COMMAND})}
=== run it
It could not be run.
=== says: dark blue
The worker took it.
=== choose a colour
@times 1
@call ask_person {json.dumps(ASKED)}
=== choose a colour
It took any.
=== return 3.1415926 * r
It is more exact.
=== Done: Edit area.py
It is more exact.
=== 1  def area(r)
@call edit_file {json.dumps(EDIT)}
=== more exact
@call read_file {{"path": "area.py"}}
===
Well.
"""
WAIT_S = 120.0


@dataclass(frozen=True)
class Workers:
    """A repository, and what a person does with it in a terminal.

    Attributes:
        program: the installed `starling`.
        root: the repository.
        environment: the environment of all programs, with the state folder that the editor uses, too.
    """

    program: str
    root: Path
    environment: Mapping[str, str]

    @staticmethod
    def create(folder: Path, program_folder: str, state: Path) -> Workers:
        """Make a repository with a commit in `folder`; `state` is the folder for all files of Starling."""
        folder.mkdir(parents=True)
        (folder / "area.py").write_text(TEXT, encoding="utf-8")
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        for words in (("init", "-q", "-b", "main"), ("add", "--all"), ("commit", "-q", "-m", "first")):
            subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
        environment = {**os.environ, "STARLING_HOME": str(state), "STARLING_INDEX__ENABLED": "false"}
        return Workers(str(Path(program_folder, "starling")), folder, environment)

    def run(self, *words: str) -> str:
        """Run `starling` with these words, and return its output."""
        done = subprocess.run(
            [self.program, *words], cwd=self.root, env=self.environment, check=True, capture_output=True, text=True,
            timeout=WAIT_S,
        )  # fmt: skip
        return done.stdout.strip()

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start `starling work`."""
        command = [self.program, "work", *options]
        return subprocess.Popen(command, cwd=self.root, env=self.environment, stderr=subprocess.PIPE, text=True)

    def read_task(self, name: str) -> dict[str, Any]:
        """Return the task whose id begins with `name`."""
        return dict(json.loads(self.run("tasks", "show", name, "--json")))
