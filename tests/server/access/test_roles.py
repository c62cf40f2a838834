"""Each role allows what the one before it allows, and the table has no gaps."""

from __future__ import annotations

import pytest

from agents.tools import Risk
from server.access.roles import ALLOWED, NEEDED, Action, Role, is_allowed, may_approve


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, "read"),
        (Role.DEVELOPER, "read work"),
        (Role.APPROVER, "read work decide"),
        (Role.ADMIN, "read work decide administer"),
    ],
)
def test_a_role_allows_these_actions_alone(role: Role, allowed: str) -> None:
    assert {action for action in Action if is_allowed(role, action)} == {*map(Action, allowed.split())}


def test_the_tables_name_every_role_and_every_risk() -> None:
    assert set(ALLOWED) == set(Role)
    assert set(NEEDED) == set(Risk)


def test_a_viewer_approves_nothing_that_changes_anything() -> None:
    assert [risk for risk in Risk if may_approve(Role.VIEWER, risk)] == [Risk.LOW]
    assert all(may_approve(Role.DEVELOPER, risk) for risk in Risk)
