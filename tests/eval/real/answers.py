"""Answers stored on disk at once, so that a measurement of hours can be made in several short runs.

One JSON object on each line, appended and flushed at once. An answer belongs to a task, a model, an arm, a place and a
revision of the code: changed code has to answer again. Start at `Answers`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.eval import data

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_VARIABLE = "STARLING_EVAL_ANSWERS"
PRODUCT = ("agents", "indexing", "models", "server")  # the folders whose code answers


@dataclass(frozen=True)
class Key:
    """Identity of an answer.

    Attributes:
        task: kind of measurement.
        model: name of the model, with a hash of its weights.
        arm: variant of the measurement.
        place: name of the question, unique in the task.
        revision: revision of the code that answers.
    """

    task: str
    model: str
    arm: str
    place: str
    revision: str


class Answers:
    """Stored answers.

    Attributes:
        path: file of the answers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[Key, dict[str, Any]] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self._cut = bool(text) and not text.endswith("\n")  # the last line has no end
        for line in text.splitlines():
            self._read(line)

    @classmethod
    def open_default(cls) -> Answers:
        """Open the file that the environment names, else that in the user's cache folder."""
        import platformdirs  # noqa: PLC0415 - only where no file is named

        named = os.environ.get(FILE_VARIABLE)
        return cls(Path(named) if named else platformdirs.user_cache_path("starling-eval") / "answers.jsonl")

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return the stored answer for `key`; None if there is none."""
        return self._found.get(key)

    def put(self, key: Key, answer: Mapping[str, Any]) -> None:
        """Store the answer for `key`, and flush it to the disk."""
        self._found[key] = dict(answer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" if self._cut else "")
            file.write(json.dumps({"key": asdict(key), "answer": dict(answer)}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._cut = False

    def _read(self, line: str) -> None:
        """Add the answer on a line of the file; ignore a line that is cut short."""
        try:
            record = json.loads(line)
            self._found[Key(**record["key"])] = record["answer"]
        except (ValueError, KeyError, TypeError):
            return


@cache
def read_revision(repository: Path = data.REPOSITORY) -> str:
    """Return the last commit that changed the product's code, with a hash of uncommitted changes."""
    commit = _run_git(repository, "log", "-1", "--format=%h", "--abbrev=9", "--", *PRODUCT).strip()
    changes = _run_git(repository, "diff", "HEAD", "--", *PRODUCT)
    return commit + (f"+{hashlib.sha256(changes.encode()).hexdigest()[:8]}" if changes else "")


def _run_git(repository: Path, *arguments: str) -> str:
    """Run git in `repository`; return its output."""
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout
