"""`starling models pull|convert|use|remove|verify|bench`: manages installed models. Start at `pull`."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import replace
from pathlib import Path  # noqa: TC003 (typer looks at the annotations)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.errors import ModelError
from server.cli import terminal
from server.cli.models import finding
from server.cli.terminal import Failure, Misuse
from server.state import paths
from starling_files import make_folder, read_text, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.catalog.catalog import ModelEntry
    from models.catalog.published_models import PublishedModel

QUANTIZATIONS = ("int8", "int8_float16", "int8_bfloat16", "int8_float32", "float16", "bfloat16", "float32")
# For each role the section and name of the setting that selects its model.
ROLE_SETTINGS = {
    "completion": ("model", "name"),
    "chat": ("chat", "model"),
    "review": ("chat", "review"),
    "embedding": ("index", "embedder"),
}

Quantization = Annotated[
    str, typer.Option("--quantization", "-q", metavar="TYPE", help=f"Of the weights: {', '.join(QUANTIZATIONS)}.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

LARGEST_SETTINGS = 1_000_000  # bytes
LARGEST_TOKEN = 10_000


def pull(
    name: Annotated[str, typer.Argument(help="A model's name, as `starling models list --available` shows it.")],
    *,
    quantization: Quantization = "int8",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="A file with a token of your account on the hub.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the download beside the converted model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Download a published model and convert it. Uses the network, unlike all other commands here.

    The download is deleted afterwards, unless --keep is given.
    """
    from models.catalog.published_models import load_published_models  # noqa: PLC0415 (reads its files)
    from models.catalog.pulling import pull as fetch  # noqa: PLC0415

    known = load_published_models().get(name)
    if known is None:
        raise Failure(
            f"There is no published model {name!r}.{terminal.suggest_names(name, load_published_models())} "
            "`starling models list --available` lists all."
        )
    _check_new(known.name)
    _check_quantization(quantization)
    downloads = paths.cache_dir() / "downloads"
    terms = "; its publisher wants it accepted first" if known.gated else ""
    size_gb = known.estimate_size_bytes(quantization) / 1e9
    terminal.note(f"{name}: licence {known.licence}{terms}; about {size_gb:.1f} GB as {quantization}.")
    with _convert_errors(), _show_progress(f"fetching {name}") as moved:
        folder = fetch(known, downloads, token=_read_token(token_file), on_progress=moved)
    entry = _install(known, folder, quantization)
    if not keep:
        _delete_folder(folder)
    _report_installed(entry, as_json=as_json)


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A GGUF file, a folder with config.json, *.safetensors and tokenizer.json, or a name that "
            "`starling models find` shows.",
        ),
    ],
    *,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="Its tokenizer.json, if that lies elsewhere.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="A name for the model; made from the source if not given.")
    ] = None,
    quantization: Quantization = "int8",
    as_json: AsJson = False,
) -> None:
    """Convert a model on this machine into one that runs here. Needs no network, torch or transformers."""
    from models.catalog.installation import describe_checkpoint  # noqa: PLC0415 (numpy and CTranslate2)

    _check_quantization(quantization)
    origin = finding.resolve_source(source)
    called = name or origin.called
    _check_new(called)
    with _convert_errors():
        known = origin.known or describe_checkpoint(origin.path, called, tokenizer, origin.beside)
    if known.note:
        terminal.note(known.note)
    _report_installed(_install(replace(known, name=called), origin.path, quantization, tokenizer), as_json=as_json)


def use(
    role: Annotated[
        str, typer.Argument(help="The role: completion, chat, review (the chat model also reviews) or embedding.")
    ],
    name: Annotated[str, typer.Argument(help="A model's name, as `starling models list` shows it.")],
) -> None:
    """Use a model from now on. Sets it in your settings.toml and keeps everything else there.

    For the role chat it also empties chat.url, so that no endpoint is asked instead.
    """
    from models.catalog.catalog import ROLES  # noqa: PLC0415

    if role not in ROLES:
        raise Misuse(f"There is no role {role!r}; there are {', '.join(ROLES)}.")
    entry = _find_entry(name)
    if role not in entry.roles:
        raise Failure(f"The model {name} is for {', '.join(entry.roles)}, not for {role}.")
    path = paths.settings_file()
    section, setting = ROLE_SETTINGS[role]
    _write_setting(path, section, setting, [{"model": name}] if role == "review" else name)
    if role == "chat":
        _write_setting(path, section, "url", "")  # otherwise the configured endpoint would be asked for the model
    terminal.note(f"{role} uses {name} from now on, in servers started after this ({path}).")


def remove(name: Annotated[str, typer.Argument(help="A model's name, as `starling models list` shows it.")]) -> None:
    """Delete one of your own models from the disk."""
    from models.catalog.installation import remove as take_away  # noqa: PLC0415

    with _convert_errors():
        take_away(_find_entry(name), paths.models_dir())
    terminal.note(f"{name} is removed.")
    if roles := _list_roles(name):
        terminal.note(f"Your settings still name it for {' and '.join(roles)}; choose another: starling models use")


def verify(name: Annotated[str, typer.Argument(help="A model's name, as `starling models list` shows it.")]) -> None:
    """Check a model's files, and that a completion model runs."""
    from models.catalog.installation import explain_damage  # noqa: PLC0415

    entry = _find_entry(name)
    if problem := explain_damage(entry):
        raise Failure(problem)
    if "completion" in entry.roles:
        with _convert_errors():
            _measure(entry, prompt_tokens=8, new_tokens=1)
    terminal.note(f"{name} is undamaged" + (" and runs." if "completion" in entry.roles else "."))


def bench(
    name: Annotated[str, typer.Argument(help="A model's name, as `starling models list` shows it.")],
    *,
    prompt_tokens: Annotated[
        int, typer.Option("--prompt", metavar="N", min=1, max=100_000, help="Tokens to read.")
    ] = 200,
    new_tokens: Annotated[int, typer.Option("--new", metavar="N", min=1, max=10_000, help="Tokens to write.")] = 32,
    as_json: AsJson = False,
) -> None:
    """Measure a completion model on this machine. Times loading, reading a prompt, and writing."""
    entry = _find_entry(name)
    with _convert_errors():
        figures = _measure(entry, prompt_tokens=prompt_tokens, new_tokens=new_tokens)
    if as_json:
        terminal.emit(figures)
        return
    sentences = (
        f"{name} on {figures['device']} ({figures['compute_type']}, {figures['threads']} threads) loads in",
        f"{figures['load_s']:.2f} s, reads {figures['prompt_tokens']} tokens in {figures['prefill_ms']:.0f} ms, writes",
        f"{figures['tokens_per_s']:.0f} tokens/s, takes {figures['memory_mb']:.0f} MB.",
    )
    terminal.get_stdout().print(" ".join(sentences), markup=False)


def _measure(entry: ModelEntry, *, prompt_tokens: int, new_tokens: int) -> dict[str, Any]:
    """Load the model, run it three times and close it; return its best times and its memory as JSON."""
    import psutil  # noqa: PLC0415

    from models.completion import FillRequest  # noqa: PLC0415
    from models.local.loading import load  # noqa: PLC0415

    process = psutil.Process()
    before, begun = process.memory_info().rss, time.perf_counter()
    model = load(entry, state_dir=paths.ensure_writable(paths.state_dir()).path)
    load_s = time.perf_counter() - begun
    room = entry.context_tokens - new_tokens - 16
    text = "value = compute(value, 1)\n"
    repeats = max(1, min(prompt_tokens, room) // max(1, model.count_tokens(text)))
    try:
        best, runs = math.inf, []
        for number in range(3):
            # each prompt begins differently, so that no run can reuse the state of the one before
            prompt = f"# {number}{number}\n" + text * repeats
            first: list[float] = []
            start = time.perf_counter()
            written = model.generate(
                FillRequest("bench.py", prompt, "", max_tokens=new_tokens),
                stop=lambda _, first=first: first.append(time.perf_counter()),  # type: ignore[misc]
                cancelled=lambda: False,
            )[0]
            if first:
                best = min(best, first[0] - start)
                runs.append((len(first) - 1) / (first[-1] - first[0]) if len(first) > 1 else 0.0)
    finally:
        traits = {name: getattr(model, name) for name in ("device", "compute_type", "threads")}
        memory = process.memory_info().rss - before
        model.close()
    return {
        "name": entry.name,
        **traits,
        "load_s": round(load_s, 3),
        "prompt_tokens": written.prompt_tokens,
        "prefill_ms": round(best * 1000, 1) if math.isfinite(best) else 0.0,
        "tokens_per_s": round(max(runs, default=0.0), 1),
        "memory_mb": round(memory / 1e6, 1),
    }


def _install(known: PublishedModel, folder: Path, quantization: str, tokenizer: Path | None = None) -> ModelEntry:
    """Convert the checkpoint in `folder` with a progress bar, install the model and return its entry."""
    from models.catalog.installation import install  # noqa: PLC0415

    with _convert_errors(), _show_progress(f"converting {known.name}") as moved:
        return install(
            known,
            folder,
            paths.models_dir(),
            quantization=quantization,  # type: ignore[arg-type]
            tokenizer=tokenizer,
            on_progress=moved,
        )


def _report_installed(entry: ModelEntry, *, as_json: bool) -> None:
    """Write the folder of an installed model, and the command that uses it; as JSON the name, folder and roles."""
    if as_json:
        terminal.emit({"name": entry.name, "folder": str(entry.folder), "roles": list(entry.roles)})
    else:
        role = next((role for role in entry.roles if role in ROLE_SETTINGS), None)
        follow = f"; use it with: starling models use {role} {entry.name}" if role else ""
        terminal.note(f"{entry.name} is in {entry.folder}{follow}")


def _find_entry(name: str) -> ModelEntry:
    """Return the installed model `name`; raise `Failure` if there is none."""
    from models.catalog.catalog import Catalog  # noqa: PLC0415

    catalog = Catalog.load(paths.models_dir())
    entry = catalog.get(name)
    if entry is None:
        raise Failure(f"There is no model {name!r} here; there are {', '.join(catalog.entries)}.")
    return entry


def _list_roles(name: str) -> list[str]:
    """Return the roles for which the user's settings name the model `name`."""
    from server.assembly.settings import resolve  # noqa: PLC0415 (pydantic, which --help need not pay)

    settings, _ = resolve()
    named = {
        "completion": settings.model.name == name,
        "chat": not settings.chat.url and settings.chat.model == name,
        "review": any(not one.url and one.model == name for one in settings.chat.review),
        "embedding": settings.index.embedder == name,
    }
    return [role for role, is_so in named.items() if is_so]


def _check_new(name: str) -> None:
    """Raise `Failure` if a model `name` is installed already."""
    from models.catalog.catalog import Catalog  # noqa: PLC0415

    if Catalog.load(paths.models_dir()).get(name) is not None:
        raise Failure(
            f"There is a model {name} already; run `starling models remove {name}` first, or choose another name."
        )


def _check_quantization(quantization: str) -> None:
    """Raise `Misuse` for an unknown quantization."""
    if quantization not in QUANTIZATIONS:
        raise Misuse(f"There is no quantization {quantization!r}; choose one of {', '.join(QUANTIZATIONS)}.")


def _read_token(file: Path | None) -> str | None:
    """Return the token in `file`, None without a file; raise `Failure` if it cannot be read."""
    if file is None:
        return None
    try:
        return read_text(file, LARGEST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"The token in {file} cannot be read; give a text file that holds the token alone.") from error


def _write_setting(path: Path, section: str, name: str, value: str | list[dict[str, str]]) -> None:
    """Set `section.name` in the TOML file at `path` to `value`; keep everything else, comments included.

    Creates the file if it is missing. Raises `Failure` if it is not valid TOML, or cannot be read or written.
    """
    import tomlkit  # noqa: PLC0415 (for this command alone)
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        text = read_text(path, LARGEST_SETTINGS) if path.exists() else ""
        document = tomlkit.parse(text)
        document.setdefault(section, tomlkit.table())[name] = value
        make_folder(path.parent)
        write_file(path, tomlkit.dumps(document).encode())
    except (TOMLKitError, TypeError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not valid TOML ({error}); correct the file.") from error
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}; check its permissions.") from error


def _delete_folder(folder: Path) -> None:
    """Delete `folder` with all that it contains; ignore errors."""
    import shutil  # noqa: PLC0415

    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _convert_errors() -> Iterator[None]:
    """Turn a `ModelError` into a `Failure` with the same message."""
    try:
        yield
    except ModelError as error:
        raise Failure(str(error)) from error


@contextlib.contextmanager
def _show_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yield a function that takes the bytes done and the bytes in all."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    console = terminal.get_stderr()
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
