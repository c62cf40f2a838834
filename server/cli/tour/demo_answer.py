"""A place of the tour with the server's answer. Start at `DemoAnswer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.cli.tour.demo_places import DemoPlace
    from server.lsp.demo_client import Answer


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """A place and the server's answer there; `invoked` is whether a key requested it, not typing."""

    place: DemoPlace
    answer: Answer
    invoked: bool

    @property
    def exact(self) -> bool:
        """Whether the first line of the answer equals the rest of the line in the file, without spaces at the end."""
        return self.answer.text.split("\n", 1)[0].rstrip() == self.place.truth.rstrip()
