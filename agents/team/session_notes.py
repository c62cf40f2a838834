"""Plan and facts of a session, kept outside of its transcript, so that no summary can lose these.

Start at `SessionNotes`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.team.workflows.workflow_state import WorkflowState, load_state
from indexing.workspace.secrets import literals

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


class PlanStart(StrEnum):
    """The state of the question whether the work on a plan may start."""

    FREE = ""  # nobody has to be asked
    PROPOSED = "proposed"  # the person has not answered
    APPROVED = "approved"
    REFUSED = "refused"


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
        start: whether the work on the plan may start.
        remark: what the person said to a plan that was refused; "" for nothing.
        offered: names of the files whose imports the session's agents were offered.
        workflow: how far the last workflow has come; None without one.
        proposed_in: id of the turn in which the plan was proposed; not stored, so "" in later turns.
    """

    plan: tuple[PlanStep, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    tests: TestResults | None = None
    start: PlanStart = PlanStart.FREE
    remark: str = ""
    offered: set[str] = field(default_factory=set)
    workflow: WorkflowState | None = None
    proposed_in: str = ""

    @property
    def awaits_start(self) -> bool:
        """Whether the plan needs the person's yes and has none."""
        return self.start in {PlanStart.PROPOSED, PlanStart.REFUSED}

    def set_plan(self, plan: tuple[PlanStep, ...], start: PlanStart, *, remark: str = "", turn: str = "") -> None:
        """Replace the plan, with whether it may start, the person's remark (cut), and the id of the proposing turn."""
        self.plan, self.start, self.remark, self.proposed_in = plan, start, remark[:LONGEST_TEXT], turn

    def drop_refused_plan(self) -> bool:
        """Remove the plan if the person has refused it; return whether that is so."""
        refused = self.start is PlanStart.REFUSED
        if refused:
            self.set_plan((), PlanStart.FREE)
        return refused

    def remember(self, key: str, text: str) -> None:
        """Store `text` as the newest fact, in place of an older one with the same key.

        Cut to `LONGEST_TEXT`; beyond `MOST_FACTS` the oldest facts are dropped.
        """
        self.facts.pop(key, None)
        self.facts[key] = text[:LONGEST_TEXT]
        while len(self.facts) > MOST_FACTS:
            del self.facts[next(iter(self.facts))]

    def dump(self) -> str:
        """Return the notes as JSON, which `load` reads, with secrets hidden; without `tests` and `proposed_in`."""
        plan = [[_hide_secrets(one.title), one.status.value, one.role] for one in self.plan]
        started = {"start": self.start.value, "remark": self.remark} if self.start is not PlanStart.FREE else {}
        offered = {"offered": sorted(self.offered)} if self.offered else {}
        facts = {_hide_secrets(key): _hide_secrets(text) for key, text in self.facts.items()}
        workflow = {"workflow": self.workflow.dump()} if self.workflow is not None else {}
        notes = {"plan": plan, "facts": facts, **started, **offered, **workflow}
        return json.dumps({"notes": notes}, ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> SessionNotes | None:
        """Return the notes that `dump` turned into `text`; None if it is something else."""
        try:
            notes = json.loads(text)["notes"]
            plan = tuple(PlanStep(title, StepStatus(status), role) for title, status, role in notes["plan"])
            facts = {str(key): str(value) for key, value in notes["facts"].items()}
            start, offered = PlanStart(notes.get("start", "")), set(map(str, notes.get("offered", ())))
            workflow = load_state(notes.get("workflow"))
            return cls(plan, facts, None, start, str(notes.get("remark", "")), offered, workflow)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def describe(self) -> str:
        """Return the plan and the facts as text for the model's instructions; "" if there are none."""
        marks = {StepStatus.OPEN: " ", StepStatus.ACTIVE: ">", StepStatus.DONE: "x", StepStatus.DROPPED: "-"}
        parts = []
        if self.plan:
            steps = (f"[{marks[one.status]}] {one.title}" + (f" ({one.role})" if one.role else "") for one in self.plan)
            parts.append(f"{self._format_plan_heading()}:\n" + "\n".join(steps))
        if self.facts:
            parts.append("Remembered:\n" + "\n".join(f"- {key}: {text}" for key, text in self.facts.items()))
        return "\n\n".join(parts)

    def _format_plan_heading(self) -> str:
        """Return the heading of the plan, with what the person said about it."""
        match self.start:
            case PlanStart.FREE:
                return "Plan"
            case PlanStart.APPROVED:
                return "Plan, which the person has approved"
            case PlanStart.PROPOSED:
                return "Plan, not started: the person has not approved it"
            case PlanStart.REFUSED:
                return f"Plan, not started: the person refused it{f' and said: {self.remark}' if self.remark else ''}"


def _hide_secrets(text: str) -> str:
    """Return the text with `[secret]` in the place of each secret."""
    return literals.replace_secrets(text, "[secret]")
