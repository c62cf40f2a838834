"""Committed tables: comma-separated, in the order in which rows are written, with rounded figures."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from tests.eval.metrics import compute_interval, compute_wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent

Cell = str | int | float


def format_interval(name: str, values: Sequence[float]) -> dict[str, Cell]:
    """Return the cells `name`, `name_low`, `name_high`: a mean, its 95 % bootstrap interval; empty without values."""
    if not values:
        return {name: "", f"{name}_low": "", f"{name}_high": ""}
    found = compute_interval(values)
    return {name: round(found.mean, 3), f"{name}_low": round(found.low, 3), f"{name}_high": round(found.high, 3)}


def format_wilson(name: str, hits: Sequence[bool]) -> dict[str, Cell]:
    """Return the cells `name`, `name_low`, `name_high`: a share, its 95 % Wilson interval; empty without values."""
    if not hits:
        return {name: "", f"{name}_low": "", f"{name}_high": ""}
    found = compute_wilson_interval(sum(hits), len(hits))
    return {name: round(found.mean, 3), f"{name}_low": round(found.low, 3), f"{name}_high": round(found.high, 3)}


def write_table(name: str, rows: Sequence[Mapping[str, Cell]], *, keep: str = "") -> Path:
    """Write the rows to the table `name` beside this file; return its path. All rows have the same columns.

    With `keep`, rows of the former table whose value in the column `keep` is not among the new rows stay at the end:
    they were measured with models that need not be installed.
    """
    path = FOLDER / name
    new = {str(row[keep]) for row in rows} if keep else set()
    former = read_table(name) if keep and path.exists() else []
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        table.writerows(row for row in former if row[keep] not in new)
    return path


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of the table `name`."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
