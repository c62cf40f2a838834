"""A place of the tour, with what the server answered there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.cli.tour.demo_places import DemoPlace
    from server.lsp.demo_client import Answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A place and what was answered there; `invoked` when a person would have pressed a key for it."""

    place: DemoPlace
    answer: Answer
    invoked: bool

    @property
    def exact(self) -> bool:
        """Whether the file itself goes on just so: what it says on this line, at least."""
        return self.answer.text.split("\n", 1)[0].rstrip() == self.place.truth.rstrip()
