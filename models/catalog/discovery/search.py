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
        program: one of `PROGRAMS`.
        folder: where it keeps models; it may not be there.
    """

    program: str
    folder: Path


def locate_model_folders(
    environment: Mapping[str, str], home: Path, platform: str = sys.platform
) -> tuple[ModelFolder, ...]:
    """Return the model folders of Ollama, LM Studio and the like, by environment variables and usual paths."""
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


def find_models(where: Iterable[ModelFolder], program: str = "") -> list[FoundModel]:
    """Return the models in the folders `where`, or only those of `program`, each with a unique name."""
    found: list[FoundModel] = []
    names: set[str] = set()
    seen: set[Path] = set()
    for place in where:
        if program and place.program != program:
            continue
        for one in itertools.islice(_find_models_in(place), MOST_MODELS):
            if one.path in seen and one.path.is_file() and place.program != "ollama":  # one folder by two ways
                continue
            seen.add(one.path)
            name = _make_unique(one.name, names)
            names.add(name)
            found.append(replace(one, name=name))
    return found


def parse_program(name: str) -> str:
    """Return the program that a listed name begins with; "" for other names."""
    head = name.partition(":")[0]
    return head if head in PROGRAMS and ":" in name else ""


def suggest_name(found: FoundModel) -> str:
    """Return a name for the converted model."""
    name = found.name.partition(":")[2].rpartition("/")[2]
    if parse_program(found.name) == "ollama":  # whose names end with a tag, not with a quantization
        return STRANGE.sub("-", name.removesuffix(":latest")).strip("-._")[:80] or "model"
    return gguf_description.suggest_name(Path(f"{name}{SUFFIX}"))


def _find_models_in(place: ModelFolder) -> Iterator[FoundModel]:
    """Yield the models in one folder."""
    if place.program == "ollama":
        yield from ollama.find_models_in(place.folder)
    elif place.program == "hf":
        yield from hub_cache.find_models_in(place.folder, place.program)
    else:
        depth = LM_STUDIO_DEPTH if place.program == "lmstudio" else LLAMA_CPP_DEPTH
        for file in find_ggufs(place.folder, depth):
            inside = file.relative_to(place.folder).as_posix().removesuffix(".gguf")
            if (one := describe_gguf(f"{place.program}:{inside}", file)) is not None:
                yield one
        if place.program == "llama.cpp":  # which keeps them as the hub does since 2026
            yield from hub_cache.find_models_in(place.folder, place.program)


def _make_unique(name: str, taken: set[str]) -> str:
    """Return `name`, with a number appended if it is taken."""
    numbered = (f"{name}~{number}" for number in itertools.count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)
