"""Events for a watcher of the team: those of turns, and beside them models' answers and queued tasks.

A watcher keeps figures and logs; it never changes what agents do. Records are frozen. Start at `Watch`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.events import Event
from models.chat import ChatError
from models.chat_layers import WrappedChat

if TYPE_CHECKING:
    from agents.ports.task_queue import QueuedTask
    from models.chat import ChatModel, ChatRequest, Reply, Usage

ROUTING = "router"
"""Name under which the choice of a role is counted."""


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """A turn begins; `workflow` is the name of the workflow that does the request, "" for an agent."""

    workflow: str = ""


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A model was asked.

    Attributes:
        agent: who asked; `ROUTING` for the choice of a role.
        model: name of the model.
        usage: tokens and requests; none for a failure.
        cost: in the currency of the configured prices.
        seconds: duration.
        fault: kind of failure, "" for an answer.
    """

    agent: str
    model: str
    usage: Usage | None
    cost: float
    seconds: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class TaskClaimed:
    """A worker begins to work on a queued task."""

    task: QueuedTask


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A worker has ended its work on a queued task.

    Attributes:
        task: the task as it was claimed.
        ending: "done", "failed" (for good), "again" (failed, and another attempt follows), "waiting",
            "postponed" or "stopped".
        text: the result, or the reason.
        seconds: duration of this attempt.
    """

    task: QueuedTask
    ending: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GitTrouble:
    """Git could not be used for a task; `text` says why, to a person."""

    text: str


WatchedEvent = Event | TurnBegan | ModelAsked | TaskClaimed | TaskEnded | GitTrouble

Watch = Callable[[str, WatchedEvent], None]
"""Takes the id of a session or task and an event. Called on any thread; never blocks and never raises."""


def ignore(_session: str, _event: WatchedEvent) -> None:
    """Do nothing: for a team that nobody watches."""


class WatchedChat(WrappedChat):
    """A chat model whose answers and failures are told to a watcher.

    Args:
        inner: the model.
        agent: who asks.
        price: returns the cost of a reply.
        tell: takes each event.
    """

    def __init__(
        self, inner: ChatModel, agent: str, price: Callable[[Reply], float], tell: Callable[[ModelAsked], None]
    ) -> None:
        super().__init__(inner)
        self._agent = agent
        self._price = price
        self._tell = tell

    def chat(
        self, request: ChatRequest, *, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None = None
    ) -> Reply:
        """Answer `request` with the model, and tell the watcher of the reply or the error."""
        begun = time.monotonic()
        try:
            reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._tell(ModelAsked(self._agent, self.name, None, 0.0, time.monotonic() - begun, error.fault.value))
            raise
        cost, took = self._price(reply), time.monotonic() - begun
        self._tell(ModelAsked(self._agent, self.name, reply.usage, cost, took))
        return reply
