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
    for problem in catalog.problems:
        terminal.note(problem)
    if as_json:
        directory = str(paths.models_dir())
        terminal.emit({"models": entries, "problems": list(catalog.problems), "own_models": directory})
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
    }


def _show(entries: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table  # noqa: PLC0415 (as for every console)
    from rich.text import Text  # noqa: PLC0415

    table = Table("", "name", "parameters", "context", "weights", "size", "licence", "roles", box=None)
    for entry in entries:
        cells = (
            "*" if entry["chosen"] else "",
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
    console.print(
        f"* is used; name another in model.name. Own models: a folder each in {paths.models_dir()}", markup=False
    )
