"""`starling models`: the models there are. Start at `list_models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.catalog import Catalog
from server import paths
from server.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.catalog import ModelEntry

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, help="The models that complete code.")


@app.callback()
def _group(context: typer.Context) -> None:
    terminal.overview(context)


@app.command("list")
def list_models(
    *, as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False
) -> None:
    """List the models that `model.name` may name."""
    from server.settings import resolve  # noqa: PLC0415 (pydantic costs 170 ms that --help need not pay)

    catalog = Catalog.load(paths.models_dir())
    settings, _ = resolve()
    chosen = settings.model.name or default_name(catalog)
    entries = [described(entry, chosen=entry.name == chosen) for entry in catalog.entries.values()]
    problems = [*catalog.problems, *(entry["problem"] for entry in entries if entry["problem"])]
    if chosen and catalog.get(chosen) is None:
        problems.append(f"There is no model {chosen!r}, which model.name names; completions do without one.")
    for problem in problems:
        terminal.note(problem)
    if as_json:
        terminal.emit({"models": entries, "problems": problems, "own_models": str(paths.models_dir())})
    else:
        _show(entries)


def default_name(catalog: Catalog) -> str:
    """The model that is used when none is named."""
    from models.catalog import DEFAULT_MODEL  # noqa: PLC0415 (beside its only use)

    return DEFAULT_MODEL if catalog.get(DEFAULT_MODEL) is not None else next(iter(catalog.entries), "")


def described(entry: ModelEntry, *, chosen: bool) -> dict[str, Any]:
    """An entry as JSON."""
    files = [path for path in entry.folder.glob("*") if path.is_file()] if entry.folder.is_dir() else []
    return {
        "name": entry.name,
        "chosen": chosen,
        "bundled": entry.bundled,
        "architecture": entry.architecture,
        "parameters": entry.parameters,
        "context_tokens": entry.context_tokens,
        "quantization": entry.quantization,
        "licence": entry.licence,
        "source": entry.source,
        "roles": list(entry.roles),
        "layouts": list(entry.fim.layouts),
        "folder": str(entry.folder),
        "bytes": sum(path.stat().st_size for path in files),
        "problem": problem_of(entry),
    }


def problem_of(entry: ModelEntry) -> str:
    """What is wrong with the weights, as far as their table of contents tells; "" when they can be read."""
    from models.errors import ModelError  # noqa: PLC0415 (for this command alone)
    from models.weights import read_shape  # noqa: PLC0415

    try:
        read_shape(entry.weights)
    except ModelError as error:
        return str(error)
    return ""


def _show(entries: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table  # noqa: PLC0415 (as for every console)
    from rich.text import Text  # noqa: PLC0415

    table = Table("", "name", "parameters", "context", "weights", "size", "licence", "roles", box=None)
    for entry in entries:
        cells = (
            ("*" if entry["chosen"] else "") + ("!" if entry["problem"] else ""),
            entry["name"],
            f"{entry['parameters'] / 1e6:,.1f} M",
            f"{entry['context_tokens']:,}",
            entry["quantization"],
            f"{entry['bytes'] / 1e6:,.1f} MB",
            entry["licence"],
            ", ".join(entry["roles"]),
        )
        table.add_row(*(Text(terminal.printable(cell)) for cell in cells))
    console = terminal.out()
    console.print(table)
    if any(entry["problem"] for entry in entries):
        console.print("! cannot be used as it is: see above.", markup=False)
    console.print(
        f"* is used; name another in model.name. Own models: a folder each in {paths.models_dir()}", markup=False
    )
