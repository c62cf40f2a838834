"""The limits of a team's turns: the person's own where they are set, else the role's."""

from __future__ import annotations

import pytest

from agents.team.role_files import load_roles
from server.assembly.team import make_limits
from server.assembly.team_settings import TeamSettings


@pytest.mark.parametrize(("settings", "steps", "tokens"), [
    (TeamSettings(), 80, 800_000),
    (TeamSettings(steps=40), 40, 800_000),
    (TeamSettings(steps=200, tokens=1000), 80, 1000),
])  # fmt: skip
def test_a_role_exceeds_a_default_and_never_what_the_person_set(
    settings: TeamSettings, steps: int, tokens: int
) -> None:
    limits = load_roles().by_name["developer"].limits.narrow(make_limits(settings))
    assert (limits.steps, limits.tokens) == (steps, tokens)
    assert load_roles().by_name["coder"].limits.narrow(make_limits(TeamSettings())).steps == 40
