"""Search for all models that other programs keep on this machine, with unique names. Start at `find_models`."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.catalog.discovery import hub_cache, ollama
from models.catalog.discovery.folder_walk import find_ggufs
from models.catalog.discovery.found_model import MOST_MODELS, FoundModel, describe_gguf
from models.conversion import gguf_description
from models.conversion.gguf_contents import SUFFIX
from models.conversion.gguf_description import STRANGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PROGRAMS = {"ollama": "Ollama", "lmstudio": "LM Studio", "llama.cpp": "llama.cpp", "hf": "the hub's cache"}
LM_STUDIO_DEPTH = 3  # publisher, repository, and a folder of a quantization
LLAMA_CPP_DEPTH = 1


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder of another program.

    Attributes:
        program: a key of `PROGRAMS`.
        folder: its folder of models, which may not exist.
    """

    program: str
    folder: Path


def locate_model_folders(
    environment: Mapping[str, str], home: Path, platform: str = sys.platform
) -> tuple[ModelFolder, ...]:
    """Return the model folders of Ollama, LM Studio, llama.cpp and the hub's cache; they may not exist.

    Args:
        environment: environment variables, which can move the folders.
        home: the user's home folder.
        platform: as `sys.platform`.
    """
    caches = {"darwin": home / "Library" / "Caches", "win32": Path(environment.get("LOCALAPPDATA") or home)}
    own_cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    named = environment.get("OLLAMA_MODELS")
    ollamas = [Path(named) if named else home / ".ollama" / "models"]
    if platform.startswith("linux") and not named:
        ollamas.append(Path("/usr/share/ollama/.ollama/models"))  # where its service keeps them
    llama = Path(environment.get("LLAMA_CACHE") or caches.get(platform, own_cache) / "llama.cpp")
    hub_home = Path(environment.get("HF_HOME") or own_cache / "huggingface")
    hub_cache = Path(environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE") or hub_home / "hub")
    return (
        *(ModelFolder("ollama", folder) for folder in ollamas),
        ModelFolder("lmstudio", home / ".lmstudio" / "models"),
        ModelFolder("lmstudio", home / ".cache" / "lm-studio" / "models"),
        ModelFolder("llama.cpp", llama),
        ModelFolder("hf", hub_cache),
    )


def find_models(folders: Iterable[ModelFolder], program: str = "") -> list[FoundModel]:
    """Return the models in `folders`, each with a unique name and at most `MOST_MODELS` of a folder.

    A file that is found twice is returned once, but a model of Ollama under each of its names.

    Args:
        folders: folders to search.
        program: key of `PROGRAMS` to search alone; "" for all.
    """
    found: list[FoundModel] = []
    names: set[str] = set()
    seen: set[Path] = set()
    for model_folder in folders:
        if program and model_folder.program != program:
            continue
        for one in itertools.islice(_find_models_in(model_folder), MOST_MODELS):
            if (
                one.path in seen and one.path.is_file() and model_folder.program != "ollama"
            ):  # two entries for one folder
                continue
            seen.add(one.path)
            name = _make_unique(one.name, names)
            names.add(name)
            found.append(replace(one, name=name))
    return found


def parse_program(name: str) -> str:
    """Return the program, a key of `PROGRAMS`, that the name of a found model begins with; "" for other names."""
    head = name.partition(":")[0]
    return head if head in PROGRAMS and ":" in name else ""


def suggest_name(found: FoundModel) -> str:
    """Return a name for the model converted from `found`: its own, without program, folders and quantization.

    An Ollama name keeps its tag, unless that is "latest".
    """
    name = found.name.partition(":")[2].rpartition("/")[2]
    if parse_program(found.name) == "ollama":  # its names end with a tag, not with a quantization
        return STRANGE.sub("-", name.removesuffix(":latest")).strip("-._")[:80] or "model"
    return gguf_description.suggest_name(Path(f"{name}{SUFFIX}"))


def _find_models_in(model_folder: ModelFolder) -> Iterator[FoundModel]:
    """Yield the models in one folder, with the program as prefix of their names."""
    if model_folder.program == "ollama":
        yield from ollama.find_models_in(model_folder.folder)
    elif model_folder.program == "hf":
        yield from hub_cache.find_models_in(model_folder.folder, model_folder.program)
    else:
        depth = LM_STUDIO_DEPTH if model_folder.program == "lmstudio" else LLAMA_CPP_DEPTH
        for file in find_ggufs(model_folder.folder, depth):
            inside = file.relative_to(model_folder.folder).as_posix().removesuffix(".gguf")
            if (one := describe_gguf(f"{model_folder.program}:{inside}", file)) is not None:
                yield one
        if model_folder.program == "llama.cpp":  # since 2026 it has the layout of the hub's cache
            yield from hub_cache.find_models_in(model_folder.folder, model_folder.program)


def _make_unique(name: str, taken: set[str]) -> str:
    """Return `name`, with "~2" or the next free number appended if it is in `taken`."""
    numbered = (f"{name}~{number}" for number in itertools.count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)
