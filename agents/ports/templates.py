"""Templates of projects, rendered into text: nothing is written into a workspace. Start at `Templates`.

`server.gate.trials.templates` implements the port with Copier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Answer = str | int | float | bool

MOST_FILES = 200
"""Files of a template, and files that it may become."""

MOST_BYTES = 2_000_000
"""Bytes of all files of a template, and of all files that it may become."""


class TemplateFailed(Exception):  # noqa: N818 (an answer to the model, not an error of the program)
    """The template cannot be rendered; the message is a sentence: what happened, and what to do next."""


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A file that a template has become.

    Attributes:
        name: its name in the rendered folder, with slashes.
        text: its text.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """The result of a template: its files, and the names of those that are no text and were left out."""

    files: tuple[RenderedFile, ...]
    left_out: tuple[str, ...] = ()


class Templates(Protocol):
    """Renders templates."""

    def find_obstacle(self) -> str:
        """Return why no template can be rendered here, a sentence with what to do; "" if one can be."""
        ...

    def list_own(self) -> tuple[str, ...]:
        """Return the names of the person's own templates. Blocking."""
        ...

    def find_own(self, name: str) -> Path | None:
        """Return the folder of the person's own template `name`, None if there is none. Blocking."""
        ...

    def render(
        self, folder: Path, answers: Mapping[str, Answer], is_excluded: Callable[[Path], bool] = lambda _: False
    ) -> Rendering:
        """Render the template in `folder` with `answers` to its questions; return the rendered files. Blocking.

        Args:
            folder: the folder of the template.
            answers: answers by the names of the questions; others take their defaults.
            is_excluded: returns whether a file of the template may not be read.

        Raises:
            TemplateFailed: it cannot be rendered, asks for an unsafe feature, or exceeds a bound.
        """
        ...
