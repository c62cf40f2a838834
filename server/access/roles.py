"""The roles of accounts and what each allows: one table of actions, and one of the risks of tools.

Data and two predicates without side effects. Start at `ALLOWED` and `is_allowed`.
"""

from __future__ import annotations

from enum import StrEnum

from agents.tools import Risk


class Role(StrEnum):
    """The role of an account."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    APPROVER = "approver"
    ADMIN = "admin"


class Action(StrEnum):
    """An action of a command or a request, as far as roles are concerned."""

    READ = "read"  # completions, reviews, search: changes nothing
    WORK = "work"  # sessions with the team, and changes that the same person approves
    DECIDE = "decide"  # answers about changes of others, and the shared queue of tasks
    ADMINISTER = "administer"  # settings of the server, its audit, costs and memory


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.READ}),
    Role.DEVELOPER: frozenset({Action.READ, Action.WORK}),
    Role.APPROVER: frozenset({Action.READ, Action.WORK, Action.DECIDE}),
    Role.ADMIN: frozenset(Action),
}
"""The actions that each role allows."""

NEEDED: dict[Risk, Action] = {
    Risk.LOW: Action.READ,
    Risk.MEDIUM: Action.WORK,
    Risk.HIGH: Action.WORK,
    Risk.CRITICAL: Action.WORK,
}
"""The action that a role must allow, so that its person may approve a tool of this risk."""


def is_allowed(role: Role, action: Action) -> bool:
    """Return whether accounts with `role` may perform `action`."""
    return action in ALLOWED[role]


def may_approve(role: Role, risk: Risk) -> bool:
    """Return whether accounts with `role` may say yes to a tool of `risk` that their own session wants to use."""
    return is_allowed(role, NEEDED[risk])
