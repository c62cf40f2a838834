"""`starling models`: the group of commands, and `list` and `show`. Start at `list_models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.catalog.catalog import Catalog
from server.cli import tables, terminal
from server.cli.models import finding, hosting, library, script
from server.cli.models.recommend import recommend
from server.cli.tables import Column
from server.cli.terminal import Failure
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.catalog.catalog import ModelEntry
    from models.catalog.published_models import PublishedModel

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, help="The models that run here.")


@app.callback()
def _show_help_without_command(context: typer.Context) -> None:
    """Show the help, and exit with status 2, if no command of the group is given."""
    terminal.show_help(context)


for _command in (library.pull, library.convert, library.use, library.remove, library.verify, library.bench):
    app.command(_command.__name__)(_command)
app.command("recommend")(recommend)
app.command("find")(finding.find)
app.command("serve")(hosting.serve)
app.command("script", epilog=script.EXAMPLE)(script.script)


@app.command("list")
def list_models(
    *,
    available: Annotated[
        bool, typer.Option("--available", help="The models that `starling models pull` can download.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """List the installed models, which `model.name` can select."""
    if available:
        _list_available(as_json=as_json)
        return
    from server.assembly.settings import resolve  # noqa: PLC0415 (pydantic takes 170 ms, which `--help` saves)

    catalog = Catalog.load(paths.models_dir())
    settings, _ = resolve()
    chosen = settings.model.name or choose_default(catalog)
    entries = [describe_installed(entry, chosen=entry.name == chosen) for entry in catalog.entries.values()]
    problems = [*catalog.problems, *(entry["problem"] for entry in entries if entry["problem"])]
    if chosen and catalog.get(chosen) is None:
        problems.append(f"There is no model {chosen!r}, which model.name selects; completions work without a model.")
    for problem in problems:
        terminal.note(problem)
    if as_json:
        terminal.emit({"models": entries, "problems": problems, "own_models": str(paths.models_dir())})
    else:
        _show(entries)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A model's name.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Show all facts about a model, installed or published."""
    from models.catalog.published_models import load_published_models  # noqa: PLC0415 (reads its files)

    entry = Catalog.load(paths.models_dir()).get(name)
    known = load_published_models().get(name)
    if entry is not None:
        facts = describe_installed(entry, chosen=False) | {"installed": True}
        del facts["chosen"]
    elif known is not None:
        facts = describe_available(known) | {"installed": False}
    else:
        raise Failure(f"There is no model {name!r}; see `starling models list`, also with --available.")
    if as_json:
        terminal.emit(facts)
        return
    for field, value in facts.items():
        if value != "":
            line = f"{field.replace('_', ' ')}: {terminal.escape(_format_fact(value))}"
            terminal.get_stdout().print(line, markup=False, soft_wrap=True)


def _format_fact(value: Any) -> str:  # noqa: ANN401 (any value of JSON)
    """Return a value of JSON for people: "yes" or "no", figures with commas, a list's items with commas between."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def describe_available(known: PublishedModel) -> dict[str, Any]:
    """Return the facts about a published model as JSON."""
    return {
        "name": known.name,
        "source": known.repository,
        "network": known.network,
        "parameters": known.parameters,
        "context_tokens": known.context_tokens,
        "licence": known.licence,
        "gated": known.gated,
        "roles": list(known.roles),
        "bytes_int8": known.estimate_size_bytes("int8"),
        "bytes_float16": known.estimate_size_bytes("float16"),
    }


def _list_available(*, as_json: bool) -> None:
    """Write the published models as a table or as JSON."""
    from models.catalog.published_models import load_published_models  # noqa: PLC0415

    facts = [describe_available(known) for known in load_published_models().values()]
    if as_json:
        terminal.emit({"models": facts})
        return
    tables.show(
        [
            Column("name", typed=True),
            Column("weights", right=True),
            Column("int8", right=True),
            Column("licence"),
            Column("roles"),
        ],
        [
            (
                one["name"],
                f"{one['parameters'] / 1e6:,.0f} M",
                f"{one['bytes_int8'] / 1e9:.2f} GB",
                one["licence"] + (" *" if one["gated"] else ""),
                ", ".join(one["roles"]),
            )
            for one in facts
        ],
    )
    terminal.get_stdout().print(
        "* needs an account on the hub that accepted its terms, and --token-file.", markup=False
    )


def choose_default(catalog: Catalog) -> str:
    """Return the name of the default model, or of the first installed one if that is missing; "" if there is none."""
    from models.catalog.catalog import DEFAULT_MODEL  # noqa: PLC0415 (beside its only use)

    return DEFAULT_MODEL if catalog.get(DEFAULT_MODEL) is not None else next(iter(catalog.entries), "")


def describe_installed(entry: ModelEntry, *, chosen: bool) -> dict[str, Any]:
    """Return the facts about an installed model as JSON; `chosen` is whether the settings select it."""
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
        "problem": find_problem(entry),
    }


def find_problem(entry: ModelEntry) -> str:
    """Return why the weights of a model cannot be read, judged by their header; "" if they can."""
    from models.errors import ModelError  # noqa: PLC0415 (used only here)
    from models.local.weights_file import DECODER, ENCODER, read_shape  # noqa: PLC0415

    try:
        read_shape(entry.weights, ENCODER if entry.roles == ("embedding",) else DECODER)
    except ModelError as error:
        return str(error)
    return ""


def _show(entries: Sequence[dict[str, Any]]) -> None:
    """Write the installed models as a table, with a legend."""
    tables.show(
        [
            Column(""),
            Column("name", typed=True),
            Column("parameters", right=True),
            Column("context", right=True),
            Column("weights"),
            Column("size", right=True),
            Column("licence"),
            Column("roles"),
        ],
        [
            (
                ("*" if entry["chosen"] else "") + ("!" if entry["problem"] else ""),
                entry["name"],
                f"{entry['parameters'] / 1e6:,.1f} M",
                f"{entry['context_tokens']:,}",
                entry["quantization"],
                f"{entry['bytes'] / 1e6:,.1f} MB",
                entry["licence"],
                ", ".join(entry["roles"]),
            )
            for entry in entries
        ],
    )
    console = terminal.get_stdout()
    if any(entry["problem"] for entry in entries):
        console.print("! cannot be used; the reason is above.", markup=False)
    console.print(
        "* is in use; use another with: starling models use completion NAME\n"
        "What Ollama, LM Studio, llama.cpp and the hub's cache keep here: starling models find\n"
        f"Own models: a folder each in {paths.models_dir()}",
        markup=False,
        soft_wrap=True,
    )
