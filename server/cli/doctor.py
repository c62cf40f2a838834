"""`starling doctor`: checks all parts on this machine and says how to fix what does not work. Start at `doctor`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.assembly.checks import Check

MARKS = {"ok": ("ok  ", "green"), "warning": ("warn", "yellow"), "error": ("FAIL", "bold red")}


def doctor(
    *,
    directory: Annotated[
        Path, typer.Option("--workspace", "-w", metavar="DIR", help="Read its settings, too.", show_default="here")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Check every part; say what is wrong and where files are.

    The exit status is 1 if a check ends with an error.
    """
    from server.assembly import checks  # noqa: PLC0415 (heavy, and used only here)
    from server.assembly.settings import resolve  # noqa: PLC0415

    settings, problems = resolve(roots=[arguments.resolve_folder(directory)])
    found: list[Check] = []
    for check in checks.run_checks(settings, tuple(map(str, problems))):
        found.append(check)
        if not as_json:
            _show(check)
    works = all(check.state != "error" for check in found)
    if as_json:
        terminal.emit(_describe(found, works=works))
    else:
        good = all(check.state == "ok" for check in found)
        end = (
            "Everything works."
            if good
            else "Starling works here, with limits."
            if works
            else "Starling does not work here."
        )
        terminal.get_stdout().print(end, markup=False)
    return 0 if works else 1


def _describe(found: Sequence[Check], *, works: bool) -> dict[str, object]:
    """Return the report as JSON: "ok" (`works`), "checks", and the facts of each part except the catalog, by part."""
    return {
        "ok": works,
        "checks": [dataclasses.asdict(check) for check in found],
        **{check.part: check.facts for check in found if check.part != "catalog"},
    }


def _show(check: Check) -> None:
    """Write the result of a check, how to fix it, and its details."""
    from rich.text import Text  # noqa: PLC0415 (as for every console)

    mark, style = MARKS[check.state]
    console = terminal.get_stdout()
    console.print(Text.assemble((mark, style), f"  {check.part:9} {terminal.escape(check.message)}"))
    for line in filter(None, (check.remedy, *check.details)):
        console.print(Text(f"      {terminal.escape(line)}", style="dim"))
