"""Confidence in the lines of one model run: recalled lines that the model scored, and lines of its own.

Estimated by the model's show-filter, or by the model's size if it has none. Never asks a model.
Start at `make_candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion import confidence, evidence
from agents.completion.beginnings import ModelLine, list_best
from agents.completion.candidates import Candidate, Rank
from agents.completion.cursor import keep_first_line
from agents.suggestions import Origin
from models.catalog.show_filter import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.completion.cursor import Cursor
    from agents.completion.polish import Insertion, Polisher
    from indexing.records import Recalled
    from models.catalog.catalog import ModelEntry

_MOST_RECALLED = 5  # with which a model's line may agree; the show-filters are fitted on so many


@dataclass(frozen=True, slots=True)
class Line:
    """A text that a model wrote or scored.

    Attributes:
        insertion: the whole text, polished.
        raw: its first line before polishing.
        log_probs: log-probabilities of the first line's tokens.
        draft: the recalled text that the model scored; None for a text that the model wrote.
        ends: for each of these tokens the number of characters up to its end; empty if unknown.
    """

    insertion: Insertion
    raw: str
    log_probs: Sequence[float]
    draft: Recalled | None = None
    ends: Sequence[int] = ()


def make_candidates(
    lines: Sequence[Line], recalled: Sequence[Recalled], cursor: Cursor, entry: ModelEntry
) -> list[Candidate]:
    """Return the candidates for `lines`, in the same order, with their confidence.

    Args:
        lines: the texts of one model run.
        recalled: all recalled texts, best first; the first `_MOST_RECALLED` count.
        cursor: the cursor of the run.
        entry: the model's entry in the catalog.
    """
    recalled = recalled[:_MOST_RECALLED]
    return [
        Candidate(
            line.insertion,
            Origin.MODEL if line.draft is None else Origin.DRAFT,
            _estimate_by_filter(line, lines, recalled, cursor, entry)
            if entry.show_filter is not None
            else _estimate_by_size(line, recalled, entry.parameters),
            entry.name,
            Rank.WRITTEN if entry.large and line.draft is None else Rank.USUAL,
        )
        for line in lines
    ]


def make_beginnings(
    lines: Sequence[Line], recalled: Sequence[Recalled], polisher: Polisher, entry: ModelEntry, least: float
) -> list[Candidate]:
    """Return the best beginnings of `lines` with a confidence of `least` or more, as candidates.

    [] for a model without weights for them, and if the ends of the tokens are unknown. Whole lines are left out:
    `make_candidates` estimates them.
    """
    weights = entry.show_filter.weights.get(BEGINNING) if entry.show_filter is not None else None
    if not weights or not all(one.ends for one in lines if one.log_probs):
        return []
    written = [ModelLine(one.raw, one.log_probs, one.ends, one.draft is not None) for one in lines]
    found = list_best(recalled, least, model_lines=written, weights=weights)
    return [
        Candidate(polisher.polish(one.text), Origin.MODEL, sure, entry.name, is_line=False)
        for one, sure in found
        if one.has_model and not one.is_line
    ]


def _estimate_by_size(line: Line, recalled: Sequence[Recalled], parameters: int) -> float:
    """Return the confidence in `line` by the model's number of `parameters` and the recalled texts."""
    if line.draft is not None:
        return confidence.estimate_draft(line.draft, line.log_probs, parameters)
    agreed = _find_agreeing(line, recalled)
    return confidence.estimate_generated(
        line.log_probs,
        parameters,
        agreed=confidence.estimate_recalled(agreed) if agreed else None,
        other=confidence.estimate_recalled(recalled[0]) if recalled else None,
    )


def _estimate_by_filter(
    line: Line, lines: Sequence[Line], recalled: Sequence[Recalled], cursor: Cursor, entry: ModelEntry
) -> float:
    """Return the confidence in `line` by the model's show-filter; 0 without one."""
    agreed = _find_agreeing(line, recalled)
    kind = "draft" if line.draft is not None else "alone" if agreed is None else "agreed"
    rival = next((one for one in lines if (one.draft is None) != (line.draft is None)), None)
    known = evidence.collect_evidence(
        cursor,
        evidence.ScoredLine(keep_first_line(line.insertion.text), line.raw, tuple(line.log_probs)),
        recalled=line.draft or agreed or (recalled[0] if recalled else None),
        rival=evidence.ScoredLine(keep_first_line(rival.insertion.text), rival.raw, tuple(rival.log_probs))
        if rival
        else None,
    )
    return entry.show_filter.estimate_probability(kind, known) if entry.show_filter else 0.0


def _find_agreeing(line: Line, recalled: Sequence[Recalled]) -> Recalled | None:
    """Return the best recalled text with the same first line as `line`; None without one."""
    return next((one for one in recalled if keep_first_line(one.text).strip() == line.raw.strip()), None)
