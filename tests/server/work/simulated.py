"""Days of `starling work --watch` in seconds: real workers, worktrees and jobs, a scripted model, a clock for tests."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from models.remote.fallback import FallbackChain, Link
from models.scripted.scripted_chat import ScriptedChat
from server.assembly import core as cores
from server.assembly.chats import Chats
from server.assembly.gates import open_state
from server.cli.terminal_asker import TerminalAsker
from server.cli.terminal_person import TerminalPerson
from server.state import paths
from server.state.background.proposal_store import ProposalStore
from server.state.background.schedule_store import ScheduleStore
from server.state.task_store import TaskStore
from server.work.background_jobs import Place, make_jobs
from server.work.performing import Asking, TaskPerformer
from server.work.schedule import Schedule
from server.work.worktrees import Worktrees
from tests.server.work.clocks import FastClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from server.assembly.core import Core
    from server.state.database import State


@dataclass
class Simulation:
    """A workspace whose time is simulated.

    Attributes:
        root: the workspace folder, in a repository.
        core: its settings, and the scripted model.
        state: the state database.
        clock: the time.
        told: what a person was told.
    """

    root: Path
    core: Core
    state: State
    clock: FastClock = field(default_factory=FastClock)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        now: Callable[[], float] = self.clock.now
        self.place = self.root.as_uri()
        self.queue = TaskStore(self.state, now)
        self.proposals = ProposalStore(self.state, now)
        self.schedules = ScheduleStore(self.state)
        self.worktrees = Worktrees(self.root, paths.worktrees_dir())
        asker = TerminalAsker(())
        asking = Asking(asker, lambda _, __: TerminalPerson(asker))
        self.performer = TaskPerformer(
            self.core, self.root, self.state, self.worktrees, asking, lambda _, __: None, clock=now
        )

    def make_schedule(self) -> Schedule:
        """Return the background jobs, by the settings."""
        place = Place(self.core, self.root, self.state, self.queue, self.worktrees, self.told.append, self.clock.now)
        return Schedule(self.schedules, self.place, make_jobs(place), self.told.append, self.clock, lambda: 0.5)


@contextlib.contextmanager
def simulate(root: Path, script: str, settings: dict[str, Any]) -> Iterator[Simulation]:
    """Yield a simulation in the repository `root`, with a chat model that plays `script`, without an index."""
    options = {"index": {"enabled": False}, "model": {"enabled": False}}
    built = cores.build([root], options, None, foreground=True)
    sections = {name: getattr(built.settings, name).model_copy(update=values) for name, values in settings.items()}
    chain = FallbackChain([Link(ScriptedChat(script), "this machine")])
    core = replace(built, settings=built.settings.model_copy(update=sections), chats=Chats(chain, chain))
    state = open_state()
    try:
        yield Simulation(root, core, state)
    finally:
        state.close()
        built.close()
