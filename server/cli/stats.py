"""`starling stats`: what the team of agents did, by day, and by role and model. Start at `stats`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.assembly.watching.summaries import RoleUse, TeamDay

DAYS = (Column("day"), *(Column(one, right=True) for one in ("tasks", "failed", "waiting", "requests", "failed")),
        *(Column(one, right=True) for one in ("calls", "answers", "tokens", "cost")))  # fmt: skip
ROLES = (Column("role", typed=True), Column("model", typed=True),
         *(Column(one, right=True) for one in ("answers", "failed", "read", "written", "cost")))  # fmt: skip


def stats(
    *,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=400, help="How many days back, today included.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Show the tasks, tokens and costs of agents by day and role."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.databases.choice import open_state  # noqa: PLC0415 (SQLite)
    from server.assembly.watching.summaries import sum_all, sum_days, sum_roles  # noqa: PLC0415
    from server.state.watching.metrics_store import Metrics  # noqa: PLC0415

    state = open_state()
    try:
        metrics = Metrics(state).list_days(days)
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        state.close()
    total, by_day, by_role = sum_all(metrics), sum_days(metrics), sum_roles(metrics)
    if as_json:
        whole = {**dataclasses.asdict(total), "success": total.success_rate}
        del whole["day"]
        terminal.emit({
            "since_days": days, "total": whole,
            "days": [dataclasses.asdict(one) for one in by_day], "roles": [dataclasses.asdict(one) for one in by_role],
        })  # fmt: skip
        return
    if not by_day:
        terminal.get_stdout().print(f"No agent has worked in the last {days} days.", markup=False)
        return
    tables.show(DAYS, [_format_day(one) for one in by_day])
    terminal.get_stdout().print()
    if by_role:
        tables.show(ROLES, [_format_role(one) for one in by_role])
        terminal.get_stdout().print()
    for line in _describe(total):
        terminal.get_stdout().print(line, markup=False, highlight=False, soft_wrap=True)


def _format_day(one: TeamDay) -> tuple[str, ...]:
    """Return the table's cells for a day."""
    figures = (one.tasks_done, one.tasks_failed, one.tasks_waiting, one.turns, one.turns_failed, one.calls, one.answers)
    tokens = one.prompt_tokens + one.answer_tokens
    return (one.day, *(f"{figure:,}" for figure in (*figures, tokens)), _format_cost(one.cost))


def _format_role(one: RoleUse) -> tuple[str, ...]:
    """Return the table's cells for a role and its model."""
    figures = (one.answers, one.failures, one.prompt_tokens, one.answer_tokens)
    return (one.role, one.model, *(f"{figure:,}" for figure in figures), _format_cost(one.cost))


def _format_cost(cost: float) -> str:
    """Return a cost with four decimals, "" for none."""
    return f"{cost:,.4f}" if cost else ""


def _describe(total: TeamDay) -> Sequence[str]:
    """Return the lines below the tables: the share of tasks that were done, average times, approvals."""
    lines = []
    if total.success_rate is not None:
        attempts = total.tasks_done + total.tasks_failed + total.tasks_waiting
        average = total.task_seconds / attempts
        lines.append(
            f"{total.success_rate:.0%} of {terminal.format_count(attempts, 'task')} done, {average:,.1f} s each."
        )
    if total.turns:
        average = total.turn_seconds / total.turns
        stopped = f", {total.turns_stopped:,} stopped at a limit or in a circle" if total.turns_stopped else ""
        lines.append(f"{terminal.format_count(total.turns, 'request')}, {average:,.1f} s each{stopped}.")
    if total.approvals_asked:
        missed = total.approvals_asked - total.approvals_yes - total.approvals_no
        asked, rest = (
            terminal.format_count(total.approvals_asked, "question"),
            f", {missed:,} not answered" if missed else "",
        )
        lines.append(
            f"{asked} about changes and commands: {total.approvals_yes:,} yes, {total.approvals_no:,} no{rest}."
        )
    return lines
