"""`starling costs`: what chat models cost, of all editors and commands on this machine. Start at `costs`."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.cost_ledger import CostRecord

UNKNOWN = "unknown"
SMALLEST = 0.0001  # shown as a number; what is less is said to be less


def costs(
    *,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=400, help="How many days back, today included.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Show what chat models cost, by day and model. A price that nobody named is unknown, not guessed."""
    from agents.ports.failures import StateError  # noqa: PLC0415
    from server.state.cost_ledger import Costs  # noqa: PLC0415 (SQLite)
    from server.state.database import FILE, State  # noqa: PLC0415

    kept = Costs(State(paths.state_dir() / FILE))
    try:
        records = kept.list_days(days)
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        kept.close()
    if as_json:
        terminal.emit({"days": days, "costs": [dataclasses.asdict(record) for record in records], **_total(records)})
        return
    _show(records, days)


def _total(records: Sequence[CostRecord]) -> dict[str, float | int]:
    return {
        "cost": round(sum(record.cost for record in records), 6),
        "unpriced": sum(record.unpriced for record in records),
    }


def _show(records: Sequence[CostRecord], days: int) -> None:
    console = terminal.out()
    if not records:
        console.print(f"No chat model was asked in the last {days} days.", markup=False)
        return
    tables.show(
        [
            Column("day"),
            Column("model", typed=True),
            Column("role"),
            *(Column(heading, right=True) for heading in ("calls", "read", "written", "cost")),
        ],
        [_cells(record) for record in records],
    )
    for endpoint, cost in _by_endpoint(records).items():
        console.print(f"{terminal.printable(endpoint)}: {cost}", markup=False, soft_wrap=True)
    if any(record.unpriced for record in records):
        console.print(
            "Name prices of a million tokens in chat.inputPrice and chat.outputPrice to know the rest from then on.",
            markup=False,
        )


def _cells(record: CostRecord) -> tuple[str, ...]:
    about = "~" if record.estimated else ""
    return (
        record.day,
        record.model,
        record.role,
        f"{record.answers:,}" + (f" +{record.failures:,} failed" if record.failures else ""),
        f"{about}{record.prompt_tokens:,}",
        f"{about}{record.answer_tokens:,}",
        _cost(record),
    )


def _by_endpoint(records: Sequence[CostRecord]) -> dict[str, str]:
    """What each endpoint cost, in words."""
    found: dict[str, list[CostRecord]] = defaultdict(list)
    for record in records:
        found[record.endpoint].append(record)
    return {endpoint: _words(of_it) for endpoint, of_it in found.items()}


def _words(records: Sequence[CostRecord]) -> str:
    total = _total(records)
    priced = sum(one.answers + one.failures for one in records) - int(total["unpriced"])
    said = [_amount(total["cost"])] if priced else []
    if unpriced := total["unpriced"]:
        said.append(f"{unpriced:,} call{'s' * (unpriced != 1)} at a price that is not known")
    return ", and ".join(said)


def _amount(cost: float) -> str:
    return "<0.0001" if 0 < cost < SMALLEST else f"{cost:,.4f}"


def _cost(record: CostRecord) -> str:
    if record.unpriced == record.answers + record.failures:
        return UNKNOWN
    return _amount(record.cost) + (" and more" if record.unpriced else "")
