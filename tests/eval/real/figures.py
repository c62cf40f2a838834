"""Columns that the tables of real models have in common: what is gained over the raw engine, times and machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.eval import tables
from tests.eval.metrics import compute_percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.eval.tables import Cell


def make_gain_columns(name: str, own: Mapping[str, float], beside: Mapping[str, float]) -> dict[str, Cell]:
    """Return how much more `own` reaches than `beside`, at the places that both have, and at how many that is."""
    pairs = [value - beside[place] for place, value in own.items() if place in beside]
    return {"beside_raw_n": len(pairs), **tables.format_interval(name, pairs)}


def make_empty_gain_columns(name: str) -> dict[str, Cell]:
    """Return empty columns of `gain`: for the raw engine itself."""
    return {"beside_raw_n": "", **tables.format_interval(name, [])}


def make_speed_columns(answers: Iterable[Mapping[str, Any]]) -> dict[str, Cell]:
    """Return how long answers took, how much was read for them, and on which machine."""
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
