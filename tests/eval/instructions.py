"""Instructions and refactorings on real files with an installed chat model, by `starling generate`.

Each task gets a copy of its package in a folder of its own; the edit is made (`--yes edit`), and the outcome, whether
the file still parses, and the diff are recorded. A person reads the diffs, judges whether they do what was asked, and
fills in `instructions.csv`.

    python -m tests.eval.instructions --out FOLDER [--only 1,5-7]

The chat model is the one of the settings in force (`STARLING_HOME`); its packages are those of this environment.
"""

from __future__ import annotations

import argparse
import ast
import csv
import difflib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

TASKS = Path(__file__).with_suffix(".toml")
PROGRAM = Path(__file__).parents[2] / "starling_lsp.py"
FIELDS = (
    "number",
    "kind",
    "package",
    "version",
    "function_at",
    "instruction",
    "outcome",
    "parses",
    "seconds",
    "reason",
)
LONGEST_S = 600


@dataclass(frozen=True)
class Task:
    """A change to make in one file."""

    number: int
    package: str
    file: str
    at: str
    words: str = ""
    refactor: bool = False


def read_tasks() -> list[Task]:
    """Return all tasks, numbered from 1."""
    listed = tomllib.loads(TASKS.read_text("utf-8"))["task"]
    return [Task(number, **fields) for number, fields in enumerate(listed, 1)]


def locate_cursor(task: Task, text: str) -> str:
    """Return "line:column", counted from 1, of the mark of a task (`at`) in the text of its file.

    Raises:
        ValueError: the mark is not in the text exactly once.
    """
    if text.count(task.at) != 1:
        raise ValueError(f"task {task.number}: {task.at!r} stands {text.count(task.at)} times in {task.file}")
    at = text.index(task.at)
    line = text.count("\n", 0, at)
    return f"{line + 1}:{at - text.rfind(chr(10), 0, at)}"


def run_task(task: Task, out: Path) -> dict[str, str]:
    """Run a task on a copy of its package; return its row, and write the diff to the folder `out`."""
    source = Path(sysconfig.get_paths()["purelib"])
    with tempfile.TemporaryDirectory(prefix="starling-instructions-") as folder:
        top = task.file.split("/", maxsplit=1)[0]
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyc")
        shutil.copytree(source / top, Path(folder) / top, ignore=ignored)
        path = Path(folder) / task.file
        before = path.read_text("utf-8")
        command = [sys.executable, str(PROGRAM), "generate", f"{path}:{locate_cursor(task, before)}", "--json"]
        command += ["--yes", "edit", "--workspace", folder]
        command += ["--task", "refactor"] if task.refactor else []
        command += ["--instruction", task.words] if task.words else []
        begun = time.monotonic()
        run = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=LONGEST_S, stdin=subprocess.DEVNULL
        )
        seconds = time.monotonic() - begun
        after = path.read_text("utf-8")
    try:
        answer = json.loads(run.stdout)
    except ValueError:
        answer = {"outcome": "broken", "reason": run.stderr[-500:]}
    diff = "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), task.file, task.file, n=8))
    answer["reason"] = answer.get("reason") or str(answer.get("error", ""))
    said = "\n".join([answer["reason"], *answer.get("notes", ())]).strip()
    (out / f"{task.number:02}.diff").write_text(f"{task.words or 'refactor'}\n{said}\n{diff}", "utf-8")
    return {
        "number": str(task.number),
        "kind": "refactoring" if task.refactor else "instruction",
        "package": task.package,
        "version": importlib.metadata.version(task.package),
        "function_at": f"{task.file}: {task.at.splitlines()[0]}",
        "instruction": task.words or "(refactor)",
        "outcome": "applied" if after != before else answer.get("outcome", "failed"),
        "parses": "yes" if is_parseable(after) else "no",
        "seconds": f"{seconds:.0f}",
        "reason": answer["reason"][:300],
    }


def is_parseable(text: str) -> bool:
    """Return whether Python can parse `text`."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def parse_numbers(said: str) -> set[int]:
    """Return the numbers in a list such as "1,5-7"."""
    found: set[int] = set()
    for part in said.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def main() -> None:
    """Run the selected tasks, and append each row to `results.csv` at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where diffs and results.csv go")
    parser.add_argument("--only", type=parse_numbers, metavar="NUMBERS", help="such as 1,5-7; all without it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / "results.csv"
    new = not results.exists()
    with results.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if new:
            writer.writeheader()
        for task in read_tasks():
            if options.only is None or task.number in options.only:
                row = run_task(task, options.out)
                writer.writerow(row)
                file.flush()
                print(*(row[name] for name in ("number", "outcome", "parses", "seconds", "instruction")), flush=True)


if __name__ == "__main__":
    main()
