"""The watcher of a team: logs what happens and counts it. It holds figures and names; texts only for `log.texts`.

Start at `TeamWatch`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.ports.action_log import actions
from agents.team import events
from agents.team.events import TurnStatus
from agents.team.tools.all_tools import TOOLS
from agents.team.watching.watch import GitTrouble, ModelAsked, TaskClaimed, TaskEnded, TurnBegan
from models.chat import Usage
from server.assembly.watching import action_log
from server.assembly.watching.alerts import AlertKind, Alerts
from server.assembly.watching.webhook import find_webhook
from server.state import paths
from server.state.watching.alert_store import AlertStore
from server.state.watching.metrics_store import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from agents.team.watching.watch import WatchedEvent
    from server.assembly.settings import Settings
    from server.state.database import State

logger = logging.getLogger(__name__)

MOST_TURNS = 1000
"""Turns that are remembered as running; more are those of processes that lost their ends."""
_ALERTS = {
    TurnStatus.FAILED: AlertKind.ERROR,
    TurnStatus.LIMIT: AlertKind.LIMIT,
    TurnStatus.REPEATED: AlertKind.CIRCLE,
}
UNKNOWN = "unknown"
"""Name under which calls of tools that do not exist are counted."""


@dataclass(slots=True)
class _Turn:
    """A running turn: the workflow that does it, "" for none, and the agent that answers, "" before it was chosen."""

    workflow: str
    agent: str = ""


@dataclass(slots=True)
class TeamWatch:
    """Logs and counts what happens in the sessions of one workspace. Implements `agents.team.watching.watch.Watch`.

    Attributes:
        metrics: takes the figures.
        workspace: the workspace, as a URI.
        tools: names of all tools; a model may call others.
        alerts: where alerts are raised; None for nowhere.
    """

    metrics: Metrics
    workspace: str
    tools: Collection[str]
    alerts: Alerts | None = None
    _turns: dict[str, _Turn] = field(default_factory=dict)
    _tasks: set[str] = field(default_factory=set)
    _raising: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, session: str, event: WatchedEvent) -> None:
        """Log and count an event of a session or of a task; an error here is logged, and ends nothing."""
        try:
            self._note(session, event)
        except Exception:  # BLE001 allows this because it is logged: watching must not end what it watches
            logger.warning("an event of the team was not counted", exc_info=True)

    def close(self) -> None:
        """Wait until all figures and alerts are stored, then for the webhook, as `Alerts.close` does."""
        self.metrics.flush()
        for thread in self._raising:
            thread.join()
        if self.alerts is not None:
            self.alerts.close()

    def _note(self, session: str, event: WatchedEvent) -> None:  # noqa: C901 (one case for each event)
        """Log and count one event; raise an alert if it is trouble."""
        match event:
            case TurnBegan():
                self._begin_turn(session, event.workflow)
            case events.AgentChosen():
                turn = self._find(session)
                turn.agent = turn.agent or event.agent
                self._log("agent chosen", session, agent=event.agent, why_text=event.why)
            case events.CallStarted():
                self._log("call began", session, agent=event.agent, tool=self._name_tool(event.tool), call=event.call,
                          title_text=event.title)  # fmt: skip
            case events.CallEnded():
                self._end_call(session, event)
            case events.Noted():
                self._log("note", session, note_text=event.text)
            case events.StepEnded():
                outcome = event.stopped or "done"
                self.metrics.count("step", agent=event.workflow, name=event.step, outcome=outcome)
                self._log("step ended", session, workflow=event.workflow, step=event.step, role=event.role,
                          then=event.then, outcome=outcome)  # fmt: skip
            case events.TurnEnded():
                self._end_turn(session, event)
            case ModelAsked():
                self._note_model(session, event)
            case TaskClaimed():
                task = event.task
                self._tasks.add(task.id)
                self._log("task began", task.id, role=task.task.role, workflow=task.task.workflow,
                          attempt=task.attempts, priority=task.task.priority.name.lower())  # fmt: skip
            case TaskEnded():
                self._end_task(event)
            case GitTrouble():
                self._raise_alert(AlertKind.GIT, session)
                self._log("git trouble", session, logging.WARNING, reason_text=event.text)
            case _:  # pieces of text and plans
                pass

    def _begin_turn(self, session: str, workflow: str) -> None:
        """Log and remember a turn that begins; forget the oldest ones beyond `MOST_TURNS`."""
        with self._lock:
            self._turns.pop(session, None)
            while len(self._turns) >= MOST_TURNS:
                self._turns.pop(next(iter(self._turns)))
            self._turns[session] = _Turn(workflow)
        self._log("turn began", session, workflow=workflow)

    def _find(self, session: str) -> _Turn:
        """Return the running turn of a session; an empty one if its beginning was not seen."""
        with self._lock:
            return self._turns.get(session) or _Turn("")

    def _name_tool(self, name: str) -> str:
        """Return `name` if there is such a tool, else `UNKNOWN`: a model's own text is neither logged nor counted."""
        return name if name in self.tools else UNKNOWN

    def _end_call(self, session: str, event: events.CallEnded) -> None:
        """Log and count the end of a tool's call."""
        outcome, tool = "failed" if event.failed else "done", self._name_tool(event.tool)
        self.metrics.count("call", agent=event.agent, name=tool, outcome=outcome, seconds=event.seconds)
        self._log("call ended", session, agent=event.agent, tool=tool, call=event.call, outcome=outcome,
                  seconds=event.seconds, characters=len(event.text), result_text=event.text)  # fmt: skip

    def _end_turn(self, session: str, event: events.TurnEnded) -> None:
        """Log and count the end of a turn; raise an alert if it failed, was stopped or reached a limit."""
        with self._lock:
            turn = self._turns.pop(session, None) or _Turn("")
        agent, outcome = turn.workflow or turn.agent, event.status.value
        self.metrics.count("turn", agent=agent, outcome=outcome, seconds=event.seconds)
        self._log("turn ended", session, logging.WARNING if outcome == "failed" else logging.INFO, agent=agent,
                  outcome=outcome, steps=event.steps, tokens=event.tokens, cost=event.cost, seconds=event.seconds,
                  answer_text=event.text)  # fmt: skip
        kind = _ALERTS.get(event.status)
        if kind is not None and not (kind is AlertKind.ERROR and session in self._tasks):  # a task is tried again
            self._raise_alert(kind, session)

    def _raise_alert(self, kind: AlertKind, session: str) -> None:
        """Raise an alert, in a thread because that writes to the disk."""
        if self.alerts is not None:
            task = session in self._tasks
            raising = threading.Thread(target=self.alerts.raise_alert, args=(kind, session), kwargs={"task": task})
            self._raising = [one for one in self._raising if one.is_alive()]
            self._raising.append(raising)
            raising.start()

    def _note_model(self, session: str, event: ModelAsked) -> None:
        """Log and count an answer of a model, or its failure."""
        usage, outcome = event.usage or Usage(), event.fault or "done"
        tokens = {"prompt_tokens": usage.prompt_tokens, "answer_tokens": usage.answer_tokens}
        self.metrics.count("model", agent=event.agent, name=event.model, outcome=outcome, seconds=event.seconds,
                           cost=event.cost, **tokens)  # fmt: skip
        self._log("model asked", session, agent=event.agent, model=event.model, outcome=outcome,
                  seconds=round(event.seconds, 3), cost=event.cost, requests=usage.requests, **tokens)  # fmt: skip

    def _end_task(self, event: TaskEnded) -> None:
        """Log and count the end of the work on a queued task; raise an alert if it failed for good."""
        task = event.task.task
        if event.ending == "failed":
            self._raise_alert(AlertKind.ERROR, event.task.id)
        self._tasks.discard(event.task.id)
        self.metrics.count("task", agent=task.role or task.workflow, outcome=event.ending, seconds=event.seconds)
        level = logging.WARNING if event.ending == "failed" else logging.INFO
        self._log("task ended", event.task.id, level, role=task.role, workflow=task.workflow, outcome=event.ending,
                  attempt=event.task.attempts, seconds=round(event.seconds, 3), result_text=event.text)  # fmt: skip

    def _log(self, what: str, session: str, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401 (JSON)
        """Log one action of a session."""
        actions.log(level, what, extra={"session": session, "workspace": self.workspace, **fields})


def watch_team(
    settings: Settings,
    state: State,
    workspace: str,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> TeamWatch:
    """Return a watcher for the team of `workspace`, and start the log of actions.

    Args:
        settings: the person's settings: of the log and of alerts.
        state: the state database, for figures and alerts.
        workspace: the workspace, as a URI.
        tell: shows an alert on the terminal.
        clock: returns the seconds since the epoch, for the days of the log.
    """
    action_log.start(settings.log, paths.log_dir(), clock)
    told = tell if settings.team.alerts else lambda _: None
    alerts = Alerts(AlertStore(state), workspace, find_webhook(settings.team.webhook), told)
    return TeamWatch(Metrics(state), workspace, frozenset(one.name for one in TOOLS), alerts)
