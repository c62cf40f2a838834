"""`starling logs`: shows the log of the team's actions. Start at `logs`."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Misuse
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 10_000
ID_LENGTH = 8
COLUMNS = (Column("TIME"), Column("SESSION", typed=True), *map(Column, ("EVENT", "BY", "WHAT", "OUTCOME", "SECONDS")))
_BY, _WHAT, _OUTCOME = (
    ("agent", "role", "workflow"),
    ("tool", "model", "step", "kind", "priority"),
    ("outcome", "answer"),
)


def logs(
    *,
    session: Annotated[
        str, typer.Option("--session", "--task", metavar="ID", help="Only of this session or queued task.")
    ] = "",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="EVENT", help='Only "call ended" or all "call"; repeatable.')
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only newer: 30m, 2h, 3d ago, or a date.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="The newest N actions.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Show what agents did, from the log of their actions."""
    from server.assembly.settings import resolve  # noqa: PLC0415 (`--help` starts without the settings)
    from server.assembly.watching import action_log  # noqa: PLC0415
    from server.assembly.watching.action_reader import Wanted, read_actions  # noqa: PLC0415
    from server.work.deadlines import parse_past  # noqa: PLC0415

    try:
        begun = parse_past(since, time.time())
    except ValueError as error:
        raise Misuse(str(error)) from error
    found = read_actions(paths.log_dir() / action_log.FOLDER, Wanted(session, tuple(kind or ()), begun, limit))
    if as_json:
        terminal.emit({"actions": list(found.actions), "more": found.more, "unreadable": found.unreadable})
        return
    if found.actions:
        tables.show(COLUMNS, [_format_action(one) for one in found.actions])
    else:
        settings = resolve()[0].log
        off = "" if settings.file and settings.actions else " `log.file` or `log.actions` is off in your settings."
        terminal.get_stdout().print(f"No action in the log fits.{off}", markup=False)
    if found.more:
        terminal.note(f"older actions are left out; --limit shows more, up to {MOST:,}.")
    if found.unreadable:
        terminal.note(f"{terminal.format_count(found.unreadable, 'line')} of the log cannot be read.")


def _format_action(action: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the table's cells for an action."""
    seconds = action.get("seconds")
    took = f"{seconds:,.3f}" if isinstance(seconds, (int, float)) else ""
    named = (_choose(action, names) for names in (_BY, _WHAT, _OUTCOME))
    return (_format_time(action["at"]), str(action.get("session", ""))[:ID_LENGTH], action["event"], *named, took)


def _choose(action: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return the first of the fields `names` that an action has, on one line; "" for none."""
    return next((" ".join(str(action[one]).split()) for one in names if action.get(one)), "")


def _format_time(at: str) -> str:
    """Return the time of an action in the person's own time zone; any other text as it is."""
    try:
        return dt.datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return at
