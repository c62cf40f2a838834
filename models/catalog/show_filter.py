"""Filter of suggestions by their estimated probability: logistic regressions, fitted on replayed typing.

`show-filter.json` in a model's folder has, for each kind of suggestion, the weight of each piece of evidence, the
number of lines it was fitted on, and the precision at each level. `agents/completion/evidence.py` computes the
evidence. Start at `ShowFilter.read`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from models.errors import CatalogError
from starling_files import read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_LARGEST = 10_000_000  # bytes

FILE = "show-filter.json"
FORMAT = 1
HEAVIEST = 1e6  # largest weight; fitted weights are below 20, and sums of such weights stay finite
KINDS = (
    "draft",  # the workspace wrote it, the model judged it
    "agreed",  # the model wrote it, and the workspace says the same
    "alone",  # the model wrote it, and nobody else says so
)
BEGINNING = "beginning"  # the beginning of a line that the model wrote or judged; a file may lack its weights
BEGINNING_EVIDENCE = (
    "one",
    "logit",  # of the sum of the probabilities of recalled lines that have it
    "sum",  # this sum
    "votes",  # log of 1 + how many places of the workspace have such lines
    "share",  # of all votes
    "matched",  # log of 1 + how many tokens recall found again for one of the lines
    "best",  # probability of the likeliest of the lines
    "same_file",  # one of them is in this file
    "others",  # sum of the probabilities of the lines that lack it
    "characters",  # log of how many
    "words",
    "is_line",  # it is the whole of a recalled line
    "line",  # probability of that line
    "open_end",  # it does not end with a word or a closing bracket
    "recalled",  # a recalled line has it
    "own",  # the line that the model wrote has it
    "own_total",  # log-probability of its tokens in that line together
    "own_worst",  # of the least likely of them
    "own_line",  # it is the whole of that line
    "own_alone",  # no recalled line has it
    "own_alone_total",  # `own_total` there
    "other",  # the model wrote another line
    "draft",  # the recalled line that the model judged has it
)
EVIDENCE = (
    "one",
    "said",  # logit of recall's figure: of this line, or of its best other one
    "matched",  # log of 1 + how many tokens recall found again
    "votes",  # log of 1 + how many places of the workspace say what it says
    "same_file",  # one of them is in this file
    "total",  # log-probability of the first line's tokens together
    "worst",  # of the least likely of them
    "first",  # of the first
    "tokens",  # log of 1 + how many
    "typed",  # log of 1 + how many characters of a word stand before the cursor
    "in_word",  # the cursor stands in or behind a word
    "line_start",  # it stands in the indentation
    "after_dot",
    "after_open",  # behind an opening bracket or a comma
    "after_equals",
    "in_text",  # inside a string or a comment
    "code_behind",  # code stands right of the cursor
    "characters",  # log of 1 + how many characters are inserted
    "unbalanced",  # brackets of the line that do not match, at most 3
    "goes_on",  # the line ends with a comma, an operator or an opening bracket
    "new_names",  # names in it that stand nowhere around the cursor, at most 3
    "seen_line",  # the same line stands elsewhere around the cursor
    "shortened",  # less is left of the line than was written
    "confirmed",  # the model's own line is the draft, or the other way round
    "rivalled",  # it is another one
    "margin",  # by how much its tokens are likelier than the other one's; 0 without one
    "total_in_word",  # `total` where the cursor is in a word
    "total_at_start",  # `total` at a line's start
)


@dataclass(frozen=True, slots=True)
class ShowFilter:
    """Estimator of the probability that a suggestion's first line is right.

    Attributes:
        weights: weight of each piece of evidence, by kind of suggestion; unnamed evidence has no weight. `BEGINNING`
            is left out if the file has no weights for it.
    """

    weights: Mapping[str, Mapping[str, float]]

    @classmethod
    def read(cls, path: Path) -> ShowFilter | None:
        """Read the filter at `path`; None if there is no file.

        Raises:
            CatalogError: the file is malformed; the message names file, field and fix.
        """
        try:
            content = json.loads(read_text(path, _LARGEST))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise CatalogError(f"{path} cannot be read as JSON: {error}; fix or remove it.") from error
        kinds = content.get("kinds") if isinstance(content, dict) else None
        if not isinstance(kinds, dict) or content.get("format") != FORMAT:
            _refuse(path, "format", f"{FORMAT}, with a table of kinds")
        weights = {kind: _read_weights(path, kind, kinds.get(kind), EVIDENCE) for kind in KINDS}
        if BEGINNING in kinds:
            weights[BEGINNING] = _read_weights(path, BEGINNING, kinds[BEGINNING], BEGINNING_EVIDENCE)
        return cls(weights)

    def estimate_probability(self, kind: str, evidence: Mapping[str, float]) -> float:
        """Return the probability, 0 to 1, that a suggestion is right.

        Args:
            kind: one of `KINDS`.
            evidence: value of each piece of evidence that has a weight, by name (`EVIDENCE`).
        """
        total = sum(weight * evidence[name] for name, weight in self.weights[kind].items())
        return 1 / (1 + math.exp(-max(min(total, 60.0), -60.0)))


def _read_weights(path: Path, kind: str, found: object, names: Collection[str]) -> dict[str, float]:
    """Return the weights in `found`, the content of the table `kind`; raise CatalogError if it is malformed.

    `names` are the names of the evidence that may have a weight.
    """
    weights = found.get("weights") if isinstance(found, dict) else None
    if not isinstance(weights, dict):
        _refuse(path, f"kinds.{kind}.weights", "a table of numbers")
    for name, weight in weights.items():
        if name not in names:
            _refuse(path, f"kinds.{kind}.weights.{name}", "one of " + ", ".join(names))
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= HEAVIEST:
            _refuse(path, f"kinds.{kind}.weights.{name}", f"a number from {-HEAVIEST:,.0f} to {HEAVIEST:,.0f}")
    return {name: float(weight) for name, weight in weights.items()}


def _refuse(path: Path, field: str, allowed: str) -> NoReturn:
    """Raise a CatalogError that names the file, the field and its allowed values."""
    raise CatalogError(f"{path}: {field} is missing or wrong; allowed: {allowed}. The model is used without it.")
