"""Questions of agents to the person, beside permissions. Start at `Person`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ProposedStep:
    """One step of a plan that waits for the person's yes: an imperative, and the role that is to do it."""

    title: str
    role: str


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """The question whether the work on a plan may start.

    Attributes:
        title: the goal of the plan, one line.
        steps: the steps in order.
        roles: names of the roles that a step may have; the first one is the agent that asks.
        problem: why the person's last answer cannot be used, a sentence; "" the first time.
    """

    title: str
    steps: tuple[ProposedStep, ...]
    roles: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """The person's answer to a `PlanQuestion`.

    Attributes:
        steps: the plan to start, as the person wants it; None for a no.
        remark: what the person says to a no; "" for nothing.
    """

    steps: tuple[ProposedStep, ...] | None = None
    remark: str = ""


class Person(Protocol):
    """The person who drives a session."""

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Ask the person, and return the answer, one of `choices` if any; None if nobody answers or can be asked."""
        ...

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Show a plan that the person may edit, and return the answer; None if nobody answers or can be asked.

        The steps of the answer are as the person wrote them: the caller checks their roles.
        """
        ...
