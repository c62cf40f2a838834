"""A plan as lines of text that a person edits, one step a line (`coder: Write the tests`).

Start at `format_steps` and `parse_step`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.ports.person import ProposedStep

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROLE = re.compile(r"@?([^\W\d][\w-]*)\s*:\s+(.*)", re.DOTALL)


def format_steps(steps: Iterable[ProposedStep]) -> list[str]:
    """Return the steps as lines, without numbers."""
    return [format_step(step) for step in steps]


def format_step(step: ProposedStep) -> str:
    """Return a step as one line (`coder: Write the tests`)."""
    return f"{step.role}: {step.title}" if step.role else step.title


def parse_step(line: str, role: str = "") -> ProposedStep:
    """Return the step that `line` describes; `role` is the role of a line that names none.

    A word before a colon is a role, known or not: whoever uses the step says so if there is no such role.
    """
    named = _ROLE.fullmatch(line.strip())
    return ProposedStep(named[2].strip(), named[1]) if named else ProposedStep(line.strip(), role)
