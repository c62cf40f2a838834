"""`starling jobs`: lists the background jobs of a workspace, with their last and next run. Start at `list_jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

COLUMNS = (Column("NAME", typed=True), *map(Column, ("EVERY", "LAST", "NEXT", "OUTCOME")))

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


def list_jobs(*, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the background jobs of `starling work --watch`."""
    found = _read_jobs(arguments.choose_workspace(directory))
    if as_json:
        terminal.emit({"jobs": found})
        return
    tables.show(COLUMNS, [_format_row(one) for one in found])


def _read_jobs(root: Path) -> list[dict[str, Any]]:
    """Return the jobs of the workspace folder `root` as JSON, those that are turned off or never ran among them.

    Raises:
        Failure: the state database cannot be read.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without the settings and the state)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415
    from server.state.background.schedule_store import ScheduleStore  # noqa: PLC0415
    from server.work.background_jobs import list_intervals  # noqa: PLC0415

    settings, _ = resolve(roots=[root])
    state = open_state()
    try:
        known = {one.name: one for one in ScheduleStore(state).list_jobs(root.as_uri())}
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        state.close()
    described = []
    for name, interval_s in list_intervals(settings).items():
        one = known.get(name)
        described.append({
            "name": name, "interval_s": interval_s, "last": one.ended or None if one else None,
            "next": one.due if one and interval_s else None, "running": bool(one and one.owner),
            "outcome": one.outcome if one else "",
        })  # fmt: skip
    return described


def _format_row(job: dict[str, Any]) -> tuple[str, ...]:
    """Return the table's cells for a job."""
    every = f"{job['interval_s'] / 3600:g} h" if job["interval_s"] else "off"
    last, due = (terminal.format_time(job[name]) if job[name] else "-" for name in ("last", "next"))
    return job["name"], every, last, "running" if job["running"] else due, job["outcome"] or "-"
