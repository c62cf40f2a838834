"""Columns that the tables of real models have in common: gain over the engine alone, times and machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.eval import tables
from tests.eval.metrics import compute_percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.eval.tables import Cell


def make_gain_columns(name: str, own: Mapping[str, float], beside: Mapping[str, float]) -> dict[str, Cell]:
    """Return the columns of the mean difference of `own` and `beside` at their common places, and of their number.

    Args:
        name: name of the column of the difference.
        own: value at each place.
        beside: value of the engine alone at each place.
    """
    pairs = [value - beside[place] for place, value in own.items() if place in beside]
    return {"beside_raw_n": len(pairs), **tables.format_interval(name, pairs)}


def make_empty_gain_columns(name: str) -> dict[str, Cell]:
    """Return the columns of `make_gain_columns` without values, for the engine alone."""
    return {"beside_raw_n": "", **tables.format_interval(name, [])}


def make_speed_columns(answers: Iterable[Mapping[str, Any]]) -> dict[str, Cell]:
    """Return the columns of the answers' times, the lengths of their prompts, and the machines that ran them."""
    answers = list(answers)
    took = [float(one["ms"]) for one in answers]
    read = [float(one["prompt_tokens"]) for one in answers if one["prompt_tokens"]]  # none where it is not known
    return {
        "ms_p50": round(compute_percentile(took, 50)),
        "ms_p95": round(compute_percentile(took, 95)),
        "prompt_tokens_p50": round(compute_percentile(read, 50)) if read else "",
        "processor": "; ".join(sorted({str(one["processor"]) for one in answers})),
        "threads": "; ".join(sorted({str(one["threads"]) for one in answers})),
    }
