"""The comparison of a place with its likeliest alternative, as the completion model scores them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.reviewer.likelihood.alternatives import Site


@dataclass(frozen=True, slots=True)
class Comparison:
    """One place with the model's scores.

    Attributes:
        site: the place.
        alternative: the likeliest of the alternatives that are used elsewhere, or of those that are not (`unused`).
        margin: log-probability of the line with it minus that of the line as written, in nats.
        doubt: log-probability of the tokens as written, in nats.
        unused: True if the function binds the alternative and never uses it.
    """

    site: Site
    alternative: str
    margin: float
    doubt: float
    unused: bool = False
