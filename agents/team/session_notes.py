"""Plan and facts of a session, kept outside of its transcript, so that no summary can lose these.

Start at `SessionNotes`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.team.testing.results import TestResults

MOST_STEPS = 50
MOST_FACTS = 100
LONGEST_TEXT = 2000
"""Characters of one step or fact."""


class StepStatus(StrEnum):
    """Status of a step of the plan."""

    OPEN = "open"
    ACTIVE = "active"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a plan: an imperative, its status, and the role that is to do it ("" for the agent itself)."""

    title: str
    status: StepStatus = StepStatus.OPEN
    role: str = ""


@dataclass(slots=True)
class SessionNotes:
    """The plan and the facts of one session.

    Attributes:
        plan: the steps, in order.
        facts: remembered texts by their key; the oldest is evicted beyond `MOST_FACTS`.
        tests: results of the last run of the tests, None before the first.
    """

    plan: tuple[PlanStep, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    tests: TestResults | None = None

    def remember(self, key: str, text: str) -> None:
        """Store `text` as the newest fact, in place of an older one with the same key.

        Cut to `LONGEST_TEXT`; beyond `MOST_FACTS` the oldest facts are dropped.
        """
        self.facts.pop(key, None)
        self.facts[key] = text[:LONGEST_TEXT]
        while len(self.facts) > MOST_FACTS:
            del self.facts[next(iter(self.facts))]

    def dump(self) -> str:
        """Return plan and facts as JSON, which `load` reads."""
        plan = [[one.title, one.status.value, one.role] for one in self.plan]
        return json.dumps({"notes": {"plan": plan, "facts": self.facts}}, ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> SessionNotes | None:
        """Return the notes that `dump` turned into `text`; None if it is something else."""
        try:
            notes = json.loads(text)["notes"]
            plan = tuple(PlanStep(title, StepStatus(status), role) for title, status, role in notes["plan"])
            return cls(plan, {str(key): str(value) for key, value in notes["facts"].items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def describe(self) -> str:
        """Return the plan and the facts as text for the model's instructions; "" if there are none."""
        marks = {StepStatus.OPEN: " ", StepStatus.ACTIVE: ">", StepStatus.DONE: "x", StepStatus.DROPPED: "-"}
        parts = []
        if self.plan:
            steps = (f"[{marks[one.status]}] {one.title}" + (f" ({one.role})" if one.role else "") for one in self.plan)
            parts.append("Plan:\n" + "\n".join(steps))
        if self.facts:
            parts.append("Remembered:\n" + "\n".join(f"- {key}: {text}" for key, text in self.facts.items()))
        return "\n\n".join(parts)
