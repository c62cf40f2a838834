"""Program for the benchmarks of queued tasks: does tasks with several workers and prints the figures as JSON.

The queue, the sessions, the gate and the worktrees are real; the model is scripted, in this process, and takes no
time. `python -m benchmarks.queued_tasks_run reading N WORKERS` does tasks that only read, `writing N WORKERS` tasks
that each write a file in a worktree. Start at `main`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.task_queue import NewTask, TaskStatus
from agents.team.queue.worker import Worker
from models.remote.fallback import FallbackChain, Link
from models.scripted.scripted_chat import ScriptedChat
from server.assembly import core as cores
from server.assembly.chats import Chats
from server.assembly.gates import open_state
from server.cli.terminal_asker import TerminalAsker
from server.cli.terminal_person import TerminalPerson
from server.state import paths
from server.state.lease_owners import name_owner
from server.state.task_store import TaskStore
from server.work.performing import Asking, TaskPerformer
from server.work.worktrees import Worktrees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.assembly.core import Core

CREATE = {"path": "new.py", "text": "VALUE = 1\n", "why": "It was asked for."}
SCRIPTS = {
    "reading": "===\nIt adds two numbers.\n",
    "writing": f"=== Done: Create new.py\nIt is there.\n=== write it\n@call write_file {json.dumps(CREATE)}\n",
}
WARM = 4
"""Tasks that are done before the measurement, for imports and caches."""


@contextmanager
def open_core(root: Path, script: str) -> Iterator[Core]:
    """Yield the core of `root`, without an index and a completion model, with a chat model that plays `script`."""
    options = {"index": {"enabled": False}, "model": {"enabled": False}}
    built = cores.build([root], options, None, foreground=True)
    chain = FallbackChain([Link(ScriptedChat(script), "this machine")])
    try:
        yield replace(built, chats=Chats(chain, chain))
    finally:
        built.close()


def make_repository(root: Path) -> None:
    """Make a repository with a commit in `root`."""
    (root / "small.py").write_text("def add(a, b):\n    return a + b\n", encoding="utf-8")
    who = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@localhost")
    for words in (["init", "-q", "-b", "main"], ["add", "--all"], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=root, check=True)


async def run_tasks(core: Core, root: Path, count: int, workers: int, *, writes: bool) -> float:
    """Queue `count` tasks, do them with `workers` workers, and return the seconds that the workers took.

    Exits if a task does not end as done.
    """
    state = open_state()
    queue, place = TaskStore(state), root.as_uri()
    asker = TerminalAsker(())
    asking = Asking(asker, lambda _, __: TerminalPerson(asker))
    performer = TaskPerformer(core, root, state, Worktrees(root, paths.worktrees_dir()), asking, lambda _, __: None)
    try:
        role, title = ("coder", "write it") if writes else ("ask", "explain")
        for number in range(count):
            queue.add(NewTask(place, f"{title}, number {number}", role=role, writes=writes))
        made = [Worker(queue, place, name_owner("benchmark"), performer) for _ in range(workers)]
        begun = time.perf_counter()
        done = sum(await asyncio.gather(*(one.run(asyncio.Event(), until_empty=True) for one in made)))
        took = time.perf_counter() - begun
        ended = queue.list_newest(place, count, status=TaskStatus.DONE)
    finally:
        state.close()
    if done != count or len(ended) < count:
        raise SystemExit(f"{len(ended)} of {count} tasks are done")
    return took


def main() -> int:
    """Measure what the command line says, print it as JSON, and return the exit status."""
    kind, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        make_repository(root)
        with open_core(root, SCRIPTS[kind]) as core:
            asyncio.run(run_tasks(core, root, WARM, workers, writes=kind == "writing"))
            before = time.process_time()
            took = asyncio.run(run_tasks(core, root, count, workers, writes=kind == "writing"))
            used = time.process_time() - before
    print(json.dumps({"seconds": took, "tasks": count, "per_second": count / took, "processor_s": used}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
