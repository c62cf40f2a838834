"""A place where the completion model prefers another text, with the figures that say by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.reviewer.likelihood.alternatives import Site


@dataclass(frozen=True, slots=True)
class Comparison:
    """One place as the model sees it.

    Attributes:
        site: the place.
        alternative: the likeliest of those alternatives that are used elsewhere, or of those that are not.
        margin: by how much the line with it is likelier, in nats.
        doubt: log-probability of the tokens of what is written, nats.
        unused: the function binds the alternative and nowhere uses it.
    """

    site: Site
    alternative: str
    margin: float
    doubt: float
    unused: bool = False
