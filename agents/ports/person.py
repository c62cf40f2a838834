"""Questions of agents to the person, beside permissions. Start at `Person`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Person(Protocol):
    """The person who drives a session."""

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Ask the person, and return the answer, one of `choices` if any; None if nobody answers or can be asked."""
        ...
