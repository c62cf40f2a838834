"""`starling doctor`: what works on this machine, and what to do about what does not. Start at `doctor`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import place, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.assembly.checks import Check

MARKS = {"ok": ("ok  ", "green"), "warning": ("warn", "yellow"), "error": ("FAIL", "bold red")}


def doctor(
    *,
    directory: Annotated[
        Path, typer.Option("--workspace", "-w", metavar="DIR", help="Its settings count too.", show_default="here")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Try every part, say what is wrong and where things live.

    The exit status is 1 when code cannot be completed at all.
    """
    from server.assembly import checks  # noqa: PLC0415 (heavy, for this command alone)
    from server.assembly.settings import resolve  # noqa: PLC0415

    settings, problems = resolve(roots=[place.folder(directory)])
    found: list[Check] = []
    for check in checks.run(settings, tuple(map(str, problems))):
        found.append(check)
        if not as_json:
            _show(check)
    works = all(check.state != "error" for check in found)
    if as_json:
        terminal.emit(_described(found, works=works))
    else:
        good = all(check.state == "ok" for check in found)
        end = "All is well." if good else "It works, with less than it could do." if works else "It does not work here."
        terminal.out().print(end, markup=False)
    return 0 if works else 1


def _described(found: Sequence[Check], *, works: bool) -> dict[str, object]:
    return {
        "ok": works,
        "checks": [dataclasses.asdict(check) for check in found],
        **{check.part: check.facts for check in found if check.part != "catalog"},
    }


def _show(check: Check) -> None:
    from rich.text import Text  # noqa: PLC0415 (as for every console)

    mark, style = MARKS[check.state]
    console = terminal.out()
    console.print(Text.assemble((mark, style), f"  {check.part:9} {terminal.printable(check.message)}"))
    for line in filter(None, (check.remedy, *check.details)):
        console.print(Text(f"      {terminal.printable(line)}", style="dim"))
