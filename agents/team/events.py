"""Events of a turn, for the faces that show it and the record that replays it. Frozen, in the order of happening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class AgentChosen:
    """An agent takes over: its role, and why it was chosen."""

    agent: str
    why: str


@dataclass(frozen=True, slots=True)
class TextArrived:
    """A piece of an agent's answer, as it arrives."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A tool's call begins.

    Attributes:
        agent: who called.
        call: id of the call, unique in its session.
        tool: name of the tool.
        title: the call in a few words ("Read src/area.py, lines 1-40").
        arguments: the arguments as the model gave them.
    """

    agent: str
    call: str
    tool: str
    title: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A tool's call has ended.

    Attributes:
        agent: who called.
        call: id of the call.
        tool: name of the tool.
        text: the result as the model gets it.
        failed: whether the call failed, was denied or rejected.
        seconds: duration.
    """

    agent: str
    call: str
    tool: str
    text: str
    failed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The plan has changed: its steps, each with its status."""

    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """A note of the program: a summary of older messages, a repetition, a limit that is near."""

    text: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step of a workflow has ended.

    Attributes:
        workflow: name of the workflow.
        step: name of the step.
        role: who did it, "" for Starling itself.
        then: the next step, "" at the end.
        stopped: why the whole workflow stopped here, "" if it did not.
    """

    workflow: str
    step: str
    role: str
    then: str
    stopped: str = ""


class TurnStatus(StrEnum):
    """Reason for which a turn ended."""

    DONE = "done"
    LIMIT = "limit"  # one of the limits was reached
    REPEATED = "repeated"  # the agent repeated itself without a new result
    CANCELLED = "cancelled"
    FAILED = "failed"  # the model did not answer


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn has ended.

    Attributes:
        status: why.
        text: the final answer, or a sentence that says why there is none and what was achieved.
        steps: answers of the model.
        tokens: tokens read and written.
        cost: money.
        seconds: duration without waits for a person.
    """

    status: TurnStatus
    text: str
    steps: int = 0
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


Event = AgentChosen | TextArrived | CallStarted | CallEnded | PlanChanged | Noted | StepEnded | TurnEnded
Emit = Callable[[Event], None]
"""Takes each event; called on the event loop, except `TextArrived`, which comes from the model's thread."""
