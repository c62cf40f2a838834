"""Plans as lines that a person edits."""

from __future__ import annotations

import pytest

from agents.ports.person import ProposedStep
from agents.team.planning.plan_lines import format_steps, parse_step


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("coder: Write the tests", ProposedStep("Write the tests", "coder")),
        ("@tech-lead:  Decide", ProposedStep("Decide", "tech-lead")),
        ("Write: the tests", ProposedStep("the tests", "Write")),
        ("Write the tests", ProposedStep("Write the tests", "me")),
        ("see https://example.org/a: b", ProposedStep("see https://example.org/a: b", "me")),
        ("09:30 is early", ProposedStep("09:30 is early", "me")),
        ("größe_prüfen: Messen", ProposedStep("Messen", "größe_prüfen")),
    ],
)
def test_a_word_before_a_colon_is_the_role(line: str, step: ProposedStep) -> None:
    assert parse_step(line, "me") == step


def test_formatted_steps_are_read_back() -> None:
    steps = [ProposedStep("Look: at it", "ask"), ProposedStep("Change it", "coder")]
    assert [parse_step(line) for line in format_steps(steps)] == steps
