"""The modes of a session: what agents may do at all, whatever a person would answer."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """Bounds of what agents may do in a session."""

    PLAN = "plan"  # read only: no edit, no command, no question about one
    ACT = "act"  # everything, with the person's permission
