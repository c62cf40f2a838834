"""The table of background jobs: when each one ran last in a workspace, with what outcome, and when it is due again.

A job is claimed before it runs, so that of several processes one runs it; the claim of a process that has ended, or
that is older than its lease, is void. Steps of the clock do no harm: a job that seems to be due later than it can be is
due now. Blocking; writes to the state database only. Start at `ScheduleStore`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.state import lease_owners
from server.state.database import Area
from server.state.statements import make_storable

if TYPE_CHECKING:
    from server.state.database import State

MOST_JITTER = 0.1
"""Largest part of its interval by which a job is due later."""

LONGEST_OUTCOME = 2000
_SELECT = "SELECT name, due, begun, ended, outcome, owner FROM background_jobs"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The state of a background job in a workspace.

    Attributes:
        name: its name.
        due: when it is to run next, seconds since the epoch.
        begun: when it last began, 0 if it never did.
        ended: when it last ended, 0 if it never did.
        outcome: a sentence about its last run, "" before that.
        owner: the process that runs it, "" while it does not run.
    """

    name: str
    due: float
    begun: float
    ended: float
    outcome: str
    owner: str


class ScheduleStore:
    """The table of background jobs."""

    def __init__(self, state: State) -> None:
        self._state = state

    def claim(  # noqa: PLR0913 (a job, and its times)
        self, workspace: str, name: str, owner: str, *, now: float, interval_s: float, lease_s: float
    ) -> bool:
        """Claim a job for `owner` if it is due and no process has a valid claim; return whether that was done.

        A job that was never claimed before is due at once, and so is one whose time lies too far ahead.

        Args:
            workspace: the workspace folder, as a URI.
            name: the job's name.
            owner: the process, a name of `lease_owners.name_owner`.
            now: the time, in seconds since the epoch.
            interval_s: seconds between two runs.
            lease_s: seconds after which the claim is void.
        """
        latest = now + interval_s * (1 + MOST_JITTER)
        place = make_storable(workspace)
        with self._state.transaction(Area.JOBS) as connection:
            row = connection.execute(f"{_SELECT} WHERE workspace = ? AND name = ?", (place, name)).fetchone()
            if row is None:
                connection.execute(
                    "INSERT INTO background_jobs (workspace, name, due, begun, owner) VALUES (?, ?, ?, ?, ?)",
                    (place, name, now, now, owner),
                )
                return True
            found = JobRecord(*row)
            is_held = found.owner and abs(now - found.begun) < lease_s
            if (is_held and not lease_owners.has_ended(found.owner)) or now < found.due <= latest:
                return False
            query = "UPDATE background_jobs SET begun = ?, owner = ? WHERE workspace = ? AND name = ? AND owner = ?"
            return connection.execute(query, (now, owner, place, name, found.owner)).rowcount == 1

    def finish(self, workspace: str, name: str, owner: str, outcome: str, *, now: float, due: float) -> bool:  # noqa: PLR0913 (as above)
        """Record the end of a run and when the job is due again; return False, and store nothing, without a claim."""
        text = make_storable(outcome[:LONGEST_OUTCOME])
        with self._state.transaction(Area.JOBS) as connection:
            ended = connection.execute(
                "UPDATE background_jobs SET ended = ?, due = ?, outcome = ?, owner = ''"
                " WHERE workspace = ? AND name = ? AND owner = ?",
                (now, due, text, make_storable(workspace), name, owner),
            )
            return ended.rowcount == 1

    def release(self, workspace: str, name: str, owner: str) -> None:
        """Remove the claim of `owner`, if there is one, without recording a run: another process may run the job."""
        with self._state.transaction(Area.JOBS) as connection:
            connection.execute(
                "UPDATE background_jobs SET owner = '' WHERE workspace = ? AND name = ? AND owner = ?",
                (make_storable(workspace), name, owner),
            )

    def list_jobs(self, workspace: str) -> tuple[JobRecord, ...]:
        """Return the jobs of a workspace that have ever begun, by name."""
        with self._state.use_connection() as connection:
            rows = connection.execute(f"{_SELECT} WHERE workspace = ? ORDER BY name", (make_storable(workspace),))
            return tuple(JobRecord(*row) for row in rows.fetchall())
