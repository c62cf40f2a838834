"""Background jobs that run from time to time while `starling work --watch` waits for tasks: one place for all of them.

A job runs once for all processes of a workspace, at its interval and a random part of it later, one after the other.
A job that fails, or takes too long, is told as its outcome, and runs again at the next interval. Start at `Schedule`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agents.ports.failures import StateError
from server.state.background.schedule_store import MOST_JITTER
from server.state.lease_owners import name_owner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from server.state.background.schedule_store import ScheduleStore

logger = logging.getLogger(__name__)

LOOK_S = 30.0
"""Seconds between two looks for jobs that are due."""

LONGEST_S = 3600.0
"""Longest run of a job, in seconds; after that it is cancelled."""

LEASE_S = LONGEST_S + 300.0


@dataclass(frozen=True, slots=True)
class Job:
    """A background job.

    Attributes:
        name: its name.
        interval_s: seconds between two runs.
        run: does it, and returns a sentence about the outcome. An exception is recorded as the outcome.
        find_delay: returns the seconds from the end of a run to the next one; None for the interval.
        longest_s: the most that `find_delay` returns.
    """

    name: str
    interval_s: float
    run: Callable[[], Awaitable[str]]
    find_delay: Callable[[], float] | None = None
    longest_s: float = 0.0


class Clock(Protocol):
    """The time, and waits; tests have their own."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        ...

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Return after `seconds`, or once `stop` is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Return after `seconds`, or once `stop` is set."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The background jobs of a workspace, for one process.

    Attributes:
        store: where runs are recorded.
        workspace: the workspace folder, as a URI.
        jobs: the jobs; those that are turned off are left out.
        tell: takes a sentence for a person about a job that failed.
        clock: the time.
        dice: returns a random number from 0 to 1.
        owner: name of this process.
    """

    store: ScheduleStore
    workspace: str
    jobs: Sequence[Job]
    tell: Callable[[str], None]
    clock: Clock = field(default_factory=SystemClock)
    dice: Callable[[], float] = random.random
    owner: str = field(default_factory=lambda: name_owner("starling work"))

    async def run(self, stop: asyncio.Event) -> None:
        """Run the jobs that are due, and look again every `LOOK_S`, until `stop` is set; then cancel a running one."""
        while not stop.is_set():
            for job in self.jobs:
                if not stop.is_set():
                    await self._run_if_due(job, stop)
            await self.clock.wait(stop, LOOK_S)

    async def _run_if_due(self, job: Job, stop: asyncio.Event) -> None:
        """Run a job if it is due and no other process runs it, and record the outcome; log if that is impossible."""
        try:
            if not await asyncio.to_thread(self._claim, job):
                return
            outcome = await self._run(job, stop)
            if outcome is None:
                await asyncio.to_thread(self.store.release, self.workspace, job.name, self.owner)
            else:
                await asyncio.to_thread(self._finish, job, outcome)
        except StateError as error:  # the claim becomes void by itself
            logger.warning("the job %s cannot be recorded: %s", job.name, error)

    def _claim(self, job: Job) -> bool:
        """Claim a job if it is due and no other process runs it; return whether that was done. Blocking."""
        now, every = self.clock.now(), max(job.interval_s, job.longest_s)
        return self.store.claim(self.workspace, job.name, self.owner, now=now, interval_s=every, lease_s=LEASE_S)

    def _finish(self, job: Job, outcome: str) -> None:
        """Record the end of a run, and when the job is due again. Blocking."""
        now, delay_s = self.clock.now(), job.interval_s if job.find_delay is None else job.find_delay()
        due = now + delay_s * (1 + MOST_JITTER * self.dice())
        self.store.finish(self.workspace, job.name, self.owner, outcome, now=now, due=due)

    async def _run(self, job: Job, stop: asyncio.Event) -> str | None:
        """Run a job and return its outcome; None if it was cancelled because `stop` was set.

        Tells a person about a job that failed or was cancelled after `LONGEST_S`.
        """
        working = asyncio.ensure_future(job.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((working, stopping), timeout=LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if stop.is_set():
                return None
            outcome = f"It took longer than {LONGEST_S:,.0f} s and was cancelled."
        except Exception as error:  # BLE001 allows this because it is logged; a job must not end the others
            logger.exception("the job %s failed", job.name)
            outcome = f"It failed: {type(error).__name__}: {error}"
        finally:
            stopping.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))
        self.tell(f"The background job {job.name}: {outcome}")
        return outcome
