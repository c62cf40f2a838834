"""`starling costs`: the costs of chat models, of all editors and commands on this machine. Start at `costs`."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.cost_ledger import CostRecord

UNKNOWN = "unknown"
SMALLEST = 0.0001  # shown as a number; smaller amounts are shown as less than this


def costs(
    *,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=400, help="How many days back, today included.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Show the costs of chat models, by day and model. Without a configured price the cost is unknown, not guessed."""
    from agents.ports.failures import StateError  # noqa: PLC0415
    from server.assembly.databases.choice import open_state  # noqa: PLC0415 (SQLite)
    from server.state.cost_ledger import Costs  # noqa: PLC0415

    kept = Costs(open_state())
    try:
        records = kept.list_days(days)
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        kept.close()
    if as_json:
        terminal.emit(
            {"days": days, "costs": [dataclasses.asdict(record) for record in records], **_sum_costs(records)}
        )
        return
    _show(records, days)


def _sum_costs(records: Sequence[CostRecord]) -> dict[str, float | int]:
    """Return the sum of the costs and the number of calls without a price."""
    return {
        "cost": round(sum(record.cost for record in records), 6),
        "unpriced": sum(record.unpriced for record in records),
    }


def _show(records: Sequence[CostRecord], days: int) -> None:
    """Write the costs as a table, and their sum for each endpoint; without costs, a message that there are none."""
    console = terminal.get_stdout()
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
        [_format_cells(record) for record in records],
    )
    for endpoint, cost in _describe_by_endpoint(records).items():
        console.print(f"{terminal.escape(endpoint)}: {cost}", markup=False, soft_wrap=True)
    if any(record.unpriced for record in records):
        console.print(
            "To know the rest from now on, set chat.inputPrice and chat.outputPrice to the prices of a million tokens.",
            markup=False,
        )


def _format_cells(record: CostRecord) -> tuple[str, ...]:
    """Return the table's cells for `record`; "~" marks estimated numbers of tokens."""
    about = "~" if record.estimated else ""
    return (
        record.day,
        record.model,
        record.role,
        f"{record.answers:,}" + (f" +{record.failures:,} failed" if record.failures else ""),
        f"{about}{record.prompt_tokens:,}",
        f"{about}{record.answer_tokens:,}",
        _format_cost(record),
    )


def _describe_by_endpoint(records: Sequence[CostRecord]) -> dict[str, str]:
    """Return the sum of each endpoint's costs in words, by endpoint."""
    found: dict[str, list[CostRecord]] = defaultdict(list)
    for record in records:
        found[record.endpoint].append(record)
    return {endpoint: _describe_costs(its_records) for endpoint, its_records in found.items()}


def _describe_costs(records: Sequence[CostRecord]) -> str:
    """Return the sum of the costs, and how many calls have no price, in words."""
    total = _sum_costs(records)
    priced = sum(one.answers + one.failures for one in records) - int(total["unpriced"])
    parts = [_format_amount(total["cost"])] if priced else []
    if unpriced := total["unpriced"]:
        parts.append(f"{unpriced:,} call{'s' * (unpriced != 1)} at an unknown price")
    return ", and ".join(parts)


def _format_amount(cost: float) -> str:
    """Return `cost` with four decimals; a smaller one that is not 0 as "<0.0001"."""
    return "<0.0001" if 0 < cost < SMALLEST else f"{cost:,.4f}"


def _format_cost(record: CostRecord) -> str:
    """Return the cost in `record`; "unknown" if no call has a price, "… and more" if some calls have none."""
    if record.unpriced == record.answers + record.failures:
        return UNKNOWN
    return _format_amount(record.cost) + (" and more" if record.unpriced else "")
