"""`starling models find`: lists the models that other programs keep on this machine. Start at `find`."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from models.catalog.discovery.found_model import FoundModel
    from models.catalog.discovery.search import ModelFolder
    from models.catalog.published_models import PublishedModel
    from models.conversion.gguf_description import OriginFacts

TAKE = "starling models convert"


@dataclass(frozen=True, slots=True)
class ConversionSource:
    """A model to convert.

    Attributes:
        path: the model's file or folder.
        called: the name of the converted model, if no other is given.
        known: the published model whose checkpoint this is; None if unknown.
        beside: the description by the program that keeps the model.
    """

    path: Path
    called: str
    known: PublishedModel | None = None
    beside: OriginFacts | None = None


def find(*, as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False) -> None:
    """List the models that Ollama, LM Studio and others keep here.

    The others are llama.cpp and the cache of the hub. Changes nothing.
    """
    found = _find_models()
    if as_json:
        folders = [{"program": place.program, "folder": str(place.folder)} for place in _locate_folders()]
        terminal.emit({"models": [describe_found(one) for one in found], "looked_in": folders})
        return
    if not found:
        terminal.note(
            "No other program keeps a model in " + ", ".join(str(place.folder) for place in _locate_folders()) + "."
        )
        return
    tables.show(
        [
            Column("name", typed=True),
            Column("size", right=True),
            Column("stored as"),
            Column("architecture"),
            Column("weights", right=True),
            Column("runs here"),
        ],
        [
            (
                one.name,
                f"{one.size_bytes / 1e9:.2f} GB",
                one.quantization,
                one.architecture,
                f"{one.parameters / 1e6:,.0f} M" if one.parameters else "",
                f"no: {one.problem}" if one.problem else "yes",
            )
            for one in found
        ],
    )
    terminal.get_stdout().print(f"Convert one with: {TAKE} NAME", markup=False)
    if importlib.util.find_spec("gguf") is None:
        terminal.note("Converting GGUF files needs an extra: uv tool install '.[convert]' in Starling's repository.")


def describe_found(found: FoundModel) -> dict[str, Any]:
    """Return the facts about a model of another program as JSON, with the command that converts it."""
    return {
        "name": found.name,
        "program": found.name.partition(":")[0],
        "path": str(found.path),
        "bytes": found.size_bytes,
        "quantization": found.quantization,
        "architecture": found.architecture,
        "parameters": found.parameters,
        "bytes_int8": found.memory_bytes,
        "licence": found.licence,
        "runs": not found.problem,
        "problem": found.problem,
        "command": "" if found.problem else f"{TAKE} {found.name}",
    }


def resolve_source(source: str) -> ConversionSource:
    """Return the model that `source` names: a file, a folder, or a name that `find` shows.

    Raises:
        Failure: there is no such model, or it cannot be run here.
    """
    from models.catalog.discovery import search  # noqa: PLC0415
    from models.conversion.gguf_description import suggest_name  # noqa: PLC0415 (numpy and CTranslate2)

    path = Path(source)
    program = "" if path.exists() else search.parse_program(source)
    if not program and not path.exists():
        raise Failure(
            f"There is no file or folder {source}; give a GGUF file, the folder of a checkpoint, or a name that "
            "`starling models find` shows."
        )
    if not program:
        return ConversionSource(path, suggest_name(path) if path.is_file() else path.resolve().name)
    listed = search.find_models(_locate_folders(), program)
    one = next((one for one in listed if one.name == source), None)
    if one is None:
        names = [one.name for one in listed]
        suggested = terminal.suggest_names(source, names)
        raise Failure(f"There is no {source} on this machine.{suggested} See `starling models find`.")
    if one.problem:
        raise Failure(f"{one.name} cannot be run here: {one.problem}.")
    known = _find_published(one)
    return ConversionSource(one.path, known.name if known is not None else search.suggest_name(one), known, one.origin)


def _find_published(found: FoundModel) -> PublishedModel | None:
    """Return the published model whose checkpoint `found` is; None if there is none."""
    from models.catalog.published_models import load_published_models  # noqa: PLC0415 (reads its files)

    if not found.repository:
        return None
    return next((known for known in load_published_models().values() if known.repository == found.repository), None)


def _locate_folders() -> tuple[ModelFolder, ...]:
    """Return the folders of this user in which other programs keep models."""
    from models.catalog.discovery.search import locate_model_folders  # noqa: PLC0415 (numpy and CTranslate2)

    return locate_model_folders(os.environ, Path(os.path.expanduser("~")))  # noqa: PTH111 (pathlib's raises where there is no home)


def _find_models() -> list[FoundModel]:
    """Return all models that other programs keep here; one that does not fit into the memory has a problem set."""
    from dataclasses import replace  # noqa: PLC0415

    import psutil  # noqa: PLC0415 (used only here)

    from models.catalog.discovery.search import find_models  # noqa: PLC0415

    memory = psutil.virtual_memory().total
    return [
        one
        if one.problem or one.memory_bytes < memory
        else replace(
            one,
            problem=f"it needs {one.memory_bytes / 1e9:.0f} GB as int8, this machine has {memory / 1e9:.0f} GB",
        )
        for one in find_models(_locate_folders())
    ]
