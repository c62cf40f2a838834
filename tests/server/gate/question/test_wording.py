"""The wording of questions about commands."""

from __future__ import annotations

import pytest

from agents.ports.commands import Isolation
from server.gate.question.wording import list_isolation_warnings

ALL = Isolation("x", confines_writes=True, hides_secrets=True, blocks_network=True, protects_repository=True)


@pytest.mark.parametrize(
    ("isolation", "warnings"),
    [
        (None, ()),
        (ALL, ()),
        (
            Isolation("x", confines_writes=True, hides_secrets=True, protects_repository=True),
            ("This system cannot keep the command from using the network.",),
        ),
        (
            Isolation("x", confines_writes=True, blocks_network=True),
            (
                (
                    "This system cannot keep the command from changing the repository (.git) or reading your secrets "
                    "and excluded files."
                ),
            ),
        ),
        (
            Isolation(),
            (
                (
                    "This system cannot keep the command from changing files outside of the workspace, changing the "
                    "repository (.git), reading your secrets and excluded files or using the network."
                ),
            ),
        ),
        (
            Isolation(
                "x",
                confines_writes=True,
                hides_secrets=True,
                protects_repository=True,
                requested=frozenset({"network"}),
            ),
            ("The command may use the network.",),
        ),
    ],
)
def test_the_question_says_what_nothing_keeps_a_command_from(
    isolation: Isolation | None, warnings: tuple[str, ...]
) -> None:
    assert list_isolation_warnings(isolation) == warnings
