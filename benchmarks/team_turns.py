"""Program that runs turns of the team with a scripted model and prints its figures as JSON.

It is a process of its own, so that its memory is that of the team alone: `python -m benchmarks.team_turns steps N`
prints the milliseconds of each step, `idle N` the bytes of N idle sessions. Start at `main`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from agents.team.limits import TurnLimits
from agents.team.permissions.modes import Mode
from agents.team.session_runner import SessionRunner
from models.chat import Reply, ReplyEnd, ToolCall, Usage
from server.assembly import core
from server.assembly.gates import make_disk_gate, open_state
from server.assembly.resources import Files
from server.assembly.team import Client, build_team
from server.cli.terminal_asker import TerminalAsker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agents.team.session_runner import Team
    from models.chat import ChatRequest

FILE = "small.py"
LINES = 60
WARM = 10
READS = 5
"""Steps of the turn that each idle session had."""

MANY = 1_000_000_000
WINDOW = 1_000_000


@dataclass
class ReadingChat:
    """A chat model that reads another line of `FILE` in each step and answers after `steps` of them, at once.

    Attributes:
        steps: calls before the answer.
        asked: time of `time.perf_counter` of each request.
        answered: the same of each answer.
    """

    steps: int
    asked: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    name: str = "reading"
    identity: str = "reading"
    context_tokens: int = WINDOW

    def count_tokens(self, text: str) -> int:
        """Return an estimate, because counting belongs to the model's time."""
        return len(text) // 4

    def chat(
        self,
        request: ChatRequest,  # noqa: ARG002 (the answer does not depend on it)
        *,
        cancelled: Callable[[], bool],  # noqa: ARG002
        on_text: Callable[[str], None] | None = None,  # noqa: ARG002
    ) -> Reply:
        """Answer with the next read, or with a text after the last one."""
        self.asked.append(time.perf_counter())
        step = len(self.asked)
        line = step % LINES + 1
        call = ToolCall(f"call_{step}", "read_file", {"path": FILE, "first": line, "last": line + step // LINES})
        usage = Usage(100, 10, requests=1)
        reply = Reply("Done.", ReplyEnd.END, (), usage, self.name)
        if step <= self.steps:
            reply = Reply("", ReplyEnd.TOOLS, (call,), usage, self.name)
        self.answered.append(time.perf_counter())
        return reply

    def close(self) -> None:
        """Do nothing: no resources are held."""


@asynccontextmanager
async def open_team(root: Path) -> AsyncIterator[Team]:
    """Write the small file into `root`, and yield a team that works there without an index and a model."""
    (root / FILE).write_text("".join(f"value_{at} = {at}\n" for at in range(LINES)), encoding="utf-8")
    built = core.build([root], {"index": {"enabled": False}, "model": {"enabled": False}}, None, foreground=True)
    gate, state = make_disk_gate([root], TerminalAsker(()), built.index_limits), open_state()
    try:
        team = build_team(built, Files(built, (root,)), gate, state, Client("benchmark", Mode.ACT))
        yield replace(team, limits=TurnLimits(steps=MANY, tokens=MANY, seconds=MANY))
    finally:
        await gate.close()
        state.close()
        built.close()


async def run_session(team: Team, root: Path, chat: ReadingChat) -> SessionRunner:
    """Run one turn in a new session and return its runner; exit if the turn does not end as scripted."""
    team = replace(team, find_chat=lambda _: chat)
    unlimited = replace(team.roles.by_name["ask"], limits=team.limits)
    team = replace(team, roles=replace(team.roles, by_name={**team.roles.by_name, "ask": unlimited}))
    runner = SessionRunner(team, team.sessions.create(root.as_uri(), title="A session", role="ask").id)
    ended = await runner.handle("@ask Read it.", lambda _: None, lambda: False)
    if ended.text != "Done.":
        raise SystemExit(f"the turn did not end as scripted: {ended.text}")
    return runner


async def time_steps(root: Path, count: int) -> list[float]:
    """Return the milliseconds between an answer of the model and its next request, for `count` steps of a turn."""
    async with open_team(root) as team:
        chat = ReadingChat(count + WARM)
        await run_session(team, root, chat)
    gaps = zip(chat.answered, chat.asked[1:], strict=False)
    return [(asked - answered) * 1000 for answered, asked in gaps][WARM:]


async def measure_sessions(root: Path, count: int) -> int:
    """Return the bytes by which this process grows for `count` sessions, each idle after a turn of `READS` reads."""
    async with open_team(root) as team:
        held = [await run_session(team, root, ReadingChat(READS)) for _ in range(WARM)]
        before = _measure_unique_bytes()
        held += [await run_session(team, root, ReadingChat(READS)) for _ in range(count)]
        grown = _measure_unique_bytes() - before
        assert len(held) == count + WARM
        return grown


def _measure_unique_bytes() -> int:
    """Return the memory of this process alone, in bytes, once garbage is collected."""
    gc.collect()
    return int(psutil.Process().memory_full_info().uss)


def main() -> int:
    """Measure what the command line says, print it as JSON, and return the exit status."""
    what, count = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        measured = time_steps(Path(folder), count) if what == "steps" else measure_sessions(Path(folder), count)
        print(json.dumps(asyncio.run(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
