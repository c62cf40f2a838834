"""The checks of `starling doctor`: one function for each part of the program, which tries the part for real.

An exception in a function becomes a failed check. Writes only an index in a temporary folder, and creates the folders
of Starling's files. Start at `run_checks`.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from server.assembly import log
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.catalog.catalog import Catalog
    from models.chat import ChatModel
    from server.assembly.endpoints import EndpointSettings
    from server.assembly.settings import Settings

LOW_DISK_BYTES = 500_000_000
LOW_MEMORY_BYTES = 500_000_000
LOW_WATCHES = 65_536  # inotify watches; a workspace takes one for each folder
INDEX_S = 30.0
SAMPLE = "def area_of_circle(radius):\n    return 3.14159 * radius * radius\n"
REINSTALL = "Install Starling again, for this model comes with it."
PROMPT_CODE = "from sample import area_of_circle\n\ndef both(first, second):\n    return area_of_circle(first) + "


@dataclass(frozen=True, slots=True)
class Check:
    """The result of checking one part of the program.

    Attributes:
        part: name of the part: "grammars", "model".
        state: "error" means that Starling cannot complete code here; "warning" that it works with limits.
        message: the result in one sentence.
        remedy: advice for a person, "" if nothing is wrong.
        facts: figures, for the output as JSON.
        details: further lines for a person.
    """

    part: str
    state: Literal["ok", "warning", "error"]
    message: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    details: tuple[str, ...] = ()


def run_checks(settings: Settings, problems: tuple[str, ...]) -> Iterator[Check]:
    """Run all checks in turn and yield each result; `problems` are those of the settings, a sentence each."""
    checks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("program", _check_program),
        ("settings", lambda: _check_settings(problems)),
        ("files", lambda: _check_files(settings)),
        ("grammars", _check_grammars),
        ("index", _check_index),
        ("libraries", lambda: _check_libraries(settings)),
        ("model", lambda: _check_model(settings)),
        ("models", lambda: _check_models(settings)),
        ("host", _check_host),
        ("chat", lambda: _check_chat(settings)),
        ("commands", _check_commands),
        ("mcp", lambda: _check_mcp_servers(settings)),
        ("machine", _check_machine),
    )
    for part, check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 (any failure of a part is a finding here)
            message = f"The check failed with {type(error).__name__}: {error}."
            yield Check(part, "error", message, "Install Starling again; if that does not help, report this sentence.")


def _check_program() -> Iterator[Check]:
    """Check whether this version of Python is supported."""
    from server.version import VERSION  # noqa: PLC0415

    facts = {
        "version": VERSION,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "root": str(Path(__file__).resolve().parents[2]),
        "libraries": dict(_list_library_versions()),
    }
    supported = (3, 11) <= sys.version_info[:2] <= (3, 14)
    message = f"Starling {VERSION} on Python {facts['python']}, {facts['platform']}."
    remedy = "" if supported else "Install it with Python 3.11 to 3.14."
    yield Check("program", "ok" if supported else "warning", message, remedy, facts)


def _list_library_versions() -> Iterator[tuple[str, str]]:
    """Yield the name and version of each important library; "missing" for one that is not installed."""
    import importlib.metadata  # noqa: PLC0415

    for name in ("pygls", "lsprotocol", "ctranslate2", "tokenizers", "tree-sitter", "numpy", "pydantic"):
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "missing"


def _check_settings(problems: tuple[str, ...]) -> Iterator[Check]:
    """Report the `problems` of the settings."""
    file = paths.settings_file()
    facts = {"file": str(file), "exists": file.exists(), "problems": list(problems)}
    if problems:
        remedy = f"Fix {'them' if len(problems) > 1 else 'it'}:"
        message = f"{len(problems)} of your settings {'are' if len(problems) > 1 else 'is'} wrong and ignored."
        yield Check("settings", "warning", message, remedy, facts, problems)
    else:
        yield Check("settings", "ok", "All settings are in force.", facts=facts)


def _check_files(settings: Settings) -> Iterator[Check]:
    """Check whether Starling can write its files, and the disk space they take and have; creates missing folders."""
    from indexing.storage import all_indexes  # noqa: PLC0415

    places = {
        "index": paths.index_dir(),
        "state": paths.state_dir(),
        "log": paths.log_dir(),
        "settings": paths.config_dir(),
        "models": paths.models_dir(),
    }
    facts: dict[str, Any] = {name: {"path": str(path), "bytes": _measure_folder(path)} for name, path in places.items()}
    writable = {name: paths.ensure_writable(places[name]) for name in ("index", "state", "log")}
    wrong = list(dict.fromkeys(place.problem for place in writable.values() if place.problem))
    lost = any(place.path is None for place in writable.values())
    free = shutil.disk_usage(writable["index"].path or tempfile.gettempdir()).free
    facts["free_bytes"] = free
    sizes = all_indexes.measure(paths.index_dir())
    limit = settings.index.disk_mb * 1_000_000
    facts["index"] |= {
        "indexes": sizes.indexes,
        "workspaces_bytes": sizes.index_bytes,
        "source_bytes": sizes.source_bytes,
        "limit_bytes": limit,
    }
    details = tuple(_list_places(facts))
    if wrong:
        state: Literal["warning", "error"] = "error" if lost else "warning"
        yield Check("files", state, "Starling's files cannot be where they belong.", " ".join(wrong), facts, details)
    elif free < LOW_DISK_BYTES:
        remedy = f"Free some space where {paths.index_dir()} is."
        yield Check("files", "warning", f"Only {free / 1e6:,.0f} MB of disk are free.", remedy, facts, details)
    elif facts["index"]["bytes"] > limit:
        message = "The indexes take more disk space than index.diskMb allows, because they are in use."
        remedy = f"Close editors, or raise index.diskMb; deleting {paths.index_dir()} is always safe."
        yield Check("files", "warning", message, remedy, facts, details)
    else:
        yield Check("files", "ok", f"{free / 1e9:,.1f} GB of disk are free.", facts=facts, details=details)


def _list_places(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each folder and file that Starling uses."""
    settings, log_file = paths.settings_file(), paths.log_dir() / log.FILE_NAME
    yield f"settings  {settings}{'' if settings.exists() else ' (not there; the defaults are in force)'}"
    yield f"models    {paths.models_dir()}{'' if paths.models_dir().is_dir() else ' (not there; make it for your own)'}"
    yield f"log       {log_file}{'' if log_file.exists() else ' (not there yet)'}"
    yield f"indexes   {paths.index_dir()} ({_describe_size(facts['index'])})"
    yield f"state     {paths.state_dir()}"


def _check_libraries(settings: Settings) -> Iterator[Check]:
    """Report which installed libraries are indexed, and the size of their index."""
    from indexing.libraries.library_files import LibraryFiles  # noqa: PLC0415
    from indexing.storage.arrays import is_intact  # noqa: PLC0415  # numpy

    files = LibraryFiles(paths.index_dir())
    packages, size, limit = files.list_packages(), files.measure(), settings.index.libraries_mb
    source = sum(each.size for each in packages)
    broken = [name for name in files.list_segments() if not is_intact(files.folder / name)]
    facts = {
        "path": str(files.folder),
        "enabled": settings.index.libraries,
        "packages": [f"{each.ecosystem}-{each.name}-{each.version}" for each in packages],
        "bytes": size,
        "source_bytes": source,
        "limit_bytes": limit * 1_000_000,
        "damaged": broken,
    }
    details = (f"libraries {files.folder}",)
    ratio = f" ({size / source:.1f} times their {source / 1e6:,.1f} MB of source)" if source else ""
    kept = f"{len(packages):,} packages are indexed in {size / 1e6:,.1f} MB{ratio}"
    if broken and settings.index.libraries:
        message = f"{len(broken):,} of the files with indexed libraries are damaged or missing, so less is suggested."
        remedy = "They are made again while a workspace that uses them is open, or by `starling index` there."
        yield Check("libraries", "warning", message, remedy, facts, details)
        return
    if settings.index.libraries:
        message = f"{kept}, of at most {limit:,} MB."
    else:
        message = f"Libraries are not used (index.libraries); {kept}."
    yield Check("libraries", "ok", message, facts=facts, details=details)


def _describe_size(index: Mapping[str, Any]) -> str:
    """Return the size of the workspaces' indexes beside that of their source, and of all indexes, in words."""
    source, size = index["source_bytes"], index["workspaces_bytes"]
    ratio = f", {size / source:.1f} times their {source / 1e6:,.1f} MB of source" if source else ""
    whole, limit = index["bytes"] / 1e6, index["limit_bytes"] / 1e6
    return f"{size / 1e6:,.1f} MB{ratio}; with libraries {whole:,.1f} of at most {limit:,.0f} MB"


def _check_grammars() -> Iterator[Check]:
    """Load the grammar of each language and parse a text with it."""
    from indexing.syntax import grammars, languages  # noqa: PLC0415 (tree-sitter)

    states: dict[str, str] = {}
    for name in languages.NAMES:
        grammar = grammars.load(name)
        states[name] = grammars.explain_problem(name)
        if grammar is not None:
            grammar.parse(b"x")
        elif not states[name]:
            states[name] = f"There is no grammar of {name}."
    broken = {name: problem for name, problem in states.items() if problem}
    facts = {name: problem or "ok" for name, problem in states.items()}
    if not broken:
        yield Check("grammars", "ok", f"All {len(states)} grammars parse.", facts=facts)
    else:
        state: Literal["warning", "error"] = "error" if len(broken) == len(states) else "warning"
        remedy = f"Install Starling again. {' '.join(broken.values())}"
        yield Check("grammars", state, f"{len(broken)} of {len(states)} grammars do not work.", remedy, facts)


def _check_index() -> Iterator[Check]:
    """Index a temporary workspace of one file and search in it, to try the index's process, files and search."""
    from indexing.index import Index  # noqa: PLC0415
    from indexing.records import Query  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="starling-doctor-", ignore_cleanup_errors=True) as folder:
        root = Path(folder, "workspace")
        root.mkdir()
        (root / "sample.py").write_text(SAMPLE, encoding="utf-8")
        begun = time.monotonic()
        with contextlib.closing(Index([root], storage=Path(folder, "index"))) as index:
            index.start()
            done = index.wait(INDEX_S)
            hits = index.search(Query("area_of_circle"))
            status = index.read_status()
        facts = {"seconds": round(time.monotonic() - begun, 3), "state": status.state, "found": len(hits)}
    if done and hits:
        message = f"A file was indexed and found again in {facts['seconds']:.1f} s."
        yield Check("index", "ok", message, facts=facts)
    else:
        late = f"A file was not indexed within {INDEX_S:.0f} s: this machine is busy, or indexing has stopped."
        message = status.problem or ("A file was indexed and not found again." if done else late)
        again = "" if done or status.problem else "Run `starling doctor` again when other programs rest. "
        remedy = f"{again}Look into {paths.log_dir()}; deleting {paths.index_dir()} is always safe."
        yield Check("index", "error", message, remedy, facts)


def _check_model(settings: Settings) -> Iterator[Check]:
    """Load the completion model of the settings and let it complete a line; also report problems of the catalog."""
    from models.catalog.catalog import DEFAULT_MODEL, Catalog  # noqa: PLC0415
    from models.completion import FillRequest  # noqa: PLC0415
    from models.errors import ModelError  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415

    catalog = Catalog.load(paths.models_dir())
    names = sorted(catalog.entries)
    facts: dict[str, Any] = {"models": names, "problems": list(catalog.problems)}
    if catalog.problems:
        yield Check("catalog", "warning", "A model cannot be used as written.", " ".join(catalog.problems), facts)
    if not settings.model.enabled:
        yield Check("model", "ok", "No model is used: model.enabled is off.", facts=facts)
        return
    name = settings.model.name or DEFAULT_MODEL
    entry = catalog.get(name)
    if hosts.uses_remote_server(settings.model):
        yield from _check_addresses(settings, catalog)
        entry, load = hosts.make_remote_loader(settings.model, catalog)
    elif entry is None:
        yield _report_unusable_model(settings, f"There is no model {name!r}.", _suggest_other_model(name, names), facts)
        return
    else:
        through = hosts.make_host_loader if hosts.uses_model_host(settings.model, entry) else hosts.make_local_loader
        load = through(settings.model, entry)
    try:
        begun = time.monotonic()
        model = load()
        name = model.entry.name
        with contextlib.closing(model):
            facts |= {"name": name, "folder": str(entry.folder), "load_s": round(time.monotonic() - begun, 3)}
            begun = time.monotonic()
            request = FillRequest("main.py", PROMPT_CODE, "\n", max_tokens=16)
            (answer, *_) = model.generate(request, stop=lambda _: None, cancelled=lambda: False)
            facts |= {"complete_s": round(time.monotonic() - begun, 3), "tokens": len(answer.log_probs)}
            facts |= {
                trait: getattr(model, trait) for trait in ("device", "compute_type", "threads") if hasattr(model, trait)
            }
    except ModelError as error:
        remedy = REINSTALL if entry.bundled else "`starling models list` shows which others there are."
        remedy = "" if hosts.uses_remote_server(settings.model) else remedy  # the error has the advice
        yield _report_unusable_model(settings, str(error), remedy, facts)
        return
    traits = ", ".join(f"{trait} {facts[trait]}" for trait in ("device", "compute_type", "threads") if facts.get(trait))
    message = (
        f"{name} loads in {facts['load_s'] * 1000:.0f} ms and writes {facts['tokens']} tokens in "
        f"{facts['complete_s'] * 1000:.0f} ms{f' ({traits})' if traits else ''}."
    )
    yield Check("model", "ok", message, facts=facts)


def _check_addresses(settings: Settings, catalog: Catalog) -> Iterator[Check]:
    """Connect to each address of the completion model, if there are several; report those that do not answer."""
    from models.errors import ModelError  # noqa: PLC0415 (as everything here, for this check alone)
    from server.assembly import hosts  # noqa: PLC0415

    urls = dict.fromkeys((settings.model.host, *settings.model.replicas)) if settings.model.replicas else ()
    for url in urls:
        there = settings.model.model_copy(update={"host": url, "replicas": ()})
        try:
            hosts.connect_once(there, catalog).close()
        except ModelError as error:
            consequence = "The other addresses, or a model on this machine, complete in its place."
            yield Check("model", "warning", str(error), consequence, {"url": url})
        else:
            yield Check("model", "ok", f"{url} answers.", facts={"url": url})


def _check_models(settings: Settings) -> Iterator[Check]:
    """Report the recommended model for each use, by an earlier measurement of this machine; measures nothing."""
    from models.local import machine  # noqa: PLC0415 (as everything here, for this check alone)
    from server.assembly import recommending  # noqa: PLC0415

    here = machine.load(paths.state_dir())
    if here is None:
        message = "It was not measured yet which models answer in time here; run: starling models recommend"
        yield Check("models", "ok", message, facts={"measured": False})
        return
    found = recommending.recommend(settings, here)
    names = {use: one.candidate.name if one is not None else "" for use, one in found.chosen.items()}
    said = ", ".join(f"{name or 'none'} for {use}" for use, name in names.items())
    message = f"Models that answer in time here: {said}. All of them: starling models recommend"
    yield Check("models", "ok", message, facts={"measured": True, "recommended": names})


def _check_host() -> Iterator[Check]:
    """Report whether the model host runs and which models it has loaded; starts no host."""
    from models.errors import HostError  # noqa: PLC0415 (as everything here, for this check alone)
    from models.host.health_check import fetch_health  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415

    try:
        told = fetch_health(hosts.choose_host_address())
    except HostError as error:
        yield Check("host", "warning", str(error), "Until then each server loads a large model by itself.")
        return
    if told is None:
        yield Check("host", "ok", "No model host runs; servers start one for a model of 200 MB or more.", facts={})
    elif not told:
        remedy = "End it: the next request starts another."
        yield Check(
            "host", "warning", f"The model host at {hosts.choose_host_address().socket} does not answer.", remedy
        )
    else:
        held = [f"{one['name']} ({one['bytes'] / 1e6:,.0f} MB)" for one in told["models"]]
        message = f"The model host, process {told['process']}, holds {', '.join(held) or 'no model'}."
        yield Check("host", "ok", message, facts=dict(told))


def _suggest_other_model(name: str, names: Sequence[str]) -> str:
    """Return advice for a person whose model `name` is none of the catalog's, which are `names`."""
    from models.catalog.catalog import DEFAULT_MODEL  # noqa: PLC0415

    if name == DEFAULT_MODEL:
        return REINSTALL
    return f"Set model.name to one of {', '.join(names)}." if names else REINSTALL


def _report_unusable_model(settings: Settings, message: str, remedy: str, facts: dict[str, Any]) -> Check:
    """Return the result for an unusable completion model: a warning, or an error if recall is off too."""
    if settings.completion.recall:
        consequence = "Completions come from your workspace alone until it is fixed."
        return Check("model", "warning", message, f"{remedy} {consequence}".strip(), facts)
    consequence = "Nothing is completed until it is fixed, because completion.recall is off."
    return Check("model", "error", message, f"{remedy} {consequence}", facts)


def _check_chat(settings: Settings) -> Iterator[Check]:
    """Ask each configured chat model a short question, and check whether others may read its API key."""
    from server.assembly import chats, endpoints  # noqa: PLC0415 (as everything here, for this check alone)

    wanted = settings.chat
    made = chats.build_chats(wanted, None)
    for problem in made.problems:
        yield Check("chat", "warning", "The chat model is not fully configured.", problem, _describe_endpoint(wanted))
    if not made.by_role and not made.problems:
        message = "No chat model is configured (chat.url is empty); agents need one."
        yield Check("chat", "ok", message, "", _describe_endpoint(wanted))
    for one in dict.fromkeys((*wanted.endpoints, *wanted.review)):
        if exposed := endpoints.find_key_exposure(one):
            yield Check(
                "chat", "warning", "Others may read the key of the chat endpoint.", exposed, _describe_endpoint(one)
            )
        for url in one.urls or ("",):  # each address by itself
            there = endpoints.ChatSettings(**{**dict(one), "url": url, "replicas": () if url else one.replicas})
            alone = chats.build_chats(there, None).chat  # without its fallbacks
            others = len(one.urls) > 1 or len(wanted.endpoints) > 1 or one in wanted.review
            if alone is not None:
                yield _check_answer(alone, _describe_endpoint(there), others=others)
    made.close()


def _describe_endpoint(endpoint: EndpointSettings) -> dict[str, Any]:
    """Return the facts about an endpoint, with the location of its API key but not the key."""
    return {"url": endpoint.url, "model": endpoint.model, "api": endpoint.api, "key": endpoint.key_location}


def _check_answer(chat: ChatModel, facts: dict[str, Any], *, others: bool) -> Check:
    """Ask `chat` a short question and close it; return the result. `others`: other models may answer instead."""
    from models.chat import ChatError, ChatRequest, Message, Speaker, never  # noqa: PLC0415

    begun = time.monotonic()
    question = ChatRequest((Message(Speaker.USER, "Answer with the one word: yes"),), max_tokens=64)
    try:
        with contextlib.closing(chat):
            reply = chat.chat(question, cancelled=never)
    except ChatError as error:
        consequence = "Agents, explanations, instructions and the chat model's review do not work until then."
        consequence = "The next model in the chain, if there is one, answers in its place." if others else consequence
        return Check("chat", "warning", str(error), consequence, {**facts, "fault": error.fault.value})
    seconds = round(time.monotonic() - begun, 3)
    facts = {**facts, "seconds": seconds, "tokens": reply.usage.answer_tokens, "answered_by": reply.model}
    where = f" at {facts['url']}" if facts["url"] else ""
    return Check("chat", "ok", f"{reply.model}{where} answers in {seconds:.1f} s.", facts=facts)


def _check_commands() -> Iterator[Check]:
    """Report how commands of agents are confined."""
    from server.assembly.command_checks import check_commands  # noqa: PLC0415 (as everything here)

    yield Check("commands", *check_commands())


def _check_mcp_servers(settings: Settings) -> Iterator[Check]:
    """Start each of the person's MCP servers, and report whether it lists its tools."""
    from server.assembly.mcp_servers.server_checks import check_servers  # noqa: PLC0415 (as everything here)

    yield from (Check("mcp", *one) for one in check_servers(settings.mcp))


def _check_machine() -> Iterator[Check]:
    """Check the free memory, and the number of folders that the system can watch."""
    import psutil  # noqa: PLC0415 (as everything here, for this check alone)

    memory = psutil.virtual_memory()
    facts: dict[str, Any] = {"cores": psutil.cpu_count(), "memory_bytes": memory.total}
    facts["free_bytes"] = memory.available
    watches = Path("/proc/sys/fs/inotify/max_user_watches")
    if watches.exists():
        facts["inotify_watches"] = int(watches.read_text())
    if memory.available < LOW_MEMORY_BYTES:
        message = f"Only {memory.available / 1e6:,.0f} MB of memory are free."
        yield Check("machine", "warning", message, "Close something, or choose a smaller model.", facts)
    elif facts.get("inotify_watches", LOW_WATCHES) < LOW_WATCHES:
        message = f"The system watches {facts['inotify_watches']:,} folders at most, too few for large workspaces."
        yield Check("machine", "warning", message, f"sudo sysctl fs.inotify.max_user_watches={LOW_WATCHES * 8}", facts)
    else:
        free, total = memory.available / 1e9, memory.total / 1e9
        message = f"{facts['cores']} cores, {free:,.1f} of {total:,.1f} GB of memory free."
        yield Check("machine", "ok", message, facts=facts)


def _measure_folder(directory: Path) -> int:
    """Return the total size of the files below `directory` in bytes; unreadable files and a missing folder have 0."""
    total = 0
    for path in directory.rglob("*") if directory.is_dir() else ():
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
