"""Models that Ollama keeps: manifests by name list layers by hash, and one layer is the GGUF file.

Start at `find_models_in`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.catalog.discovery.folder_walk import walk_files
from models.catalog.discovery.found_model import FoundModel, describe_gguf, sanitize_name
from models.conversion.gguf_description import OriginFacts
from starling_files import read_regular, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_MANIFEST = 1_000_000  # bytes
LARGEST_TEXT = 1_000_000
MOST_LAYERS = 1_000
MANIFEST_DEPTH = 3  # host, namespace and model above the tag
DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
USUAL_HOST, USUAL_SPACE = "registry.ollama.ai", "library"
KIND = "application/vnd.ollama.image."
LICENCES = (("apache license", "Apache-2.0"), ("mit license", "MIT"))


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of a manifest: its kind ("model", "template", "license") and its file."""

    kind: str
    path: Path


def find_models_in(folder: Path) -> Iterator[FoundModel]:
    """Yield the models in Ollama's `folder`, named "ollama:" and the name that `ollama list` shows."""
    manifests = folder / "manifests"
    for file in walk_files(manifests, MANIFEST_DEPTH):
        parts = file.relative_to(manifests).parts
        if len(parts) != MANIFEST_DEPTH + 1:
            continue
        name = f"ollama:{_format_name(*parts)}"
        if (found := _read_manifest(name, file, folder / "blobs")) is not None:
            yield found


def _format_name(host: str, space: str, model: str, tag: str) -> str:
    """Return the name that `ollama list` shows: without the default host, and without the default namespace there."""
    head = "" if host == USUAL_HOST else f"{host}/"
    return f"{head}{'' if space == USUAL_SPACE and not head else f'{space}/'}{model}:{tag}"


def _read_manifest(name: str, manifest: Path, blobs: Path) -> FoundModel | None:
    """Describe the model of a manifest, with a `problem` if the manifest is damaged or lists several weight files.

    Returns None for a model without weights on this machine, and for a file that belongs to another model.
    """
    try:
        layers = _parse_layers(json.loads(read_text(manifest, LARGEST_MANIFEST)), blobs)
    except (OSError, ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return FoundModel(
            sanitize_name(name), manifest, 0, problem="its manifest is damaged; pull it again with Ollama"
        )
    weights = [layer for layer in layers if layer.kind == "model"]
    if not weights:
        return None  # a model that runs on a server
    if len(weights) > 1 or any(layer.kind == "adapter" for layer in layers):
        return FoundModel(
            sanitize_name(name), weights[0].path, 0, problem="it consists of several files (an adapter, or parts)"
        )
    origin = OriginFacts(_read_layer(layers, "template"), _name_licence(_read_layer(layers, "license")), name)
    return describe_gguf(name, weights[0].path, origin)


def _parse_layers(manifest: Any, blobs: Path) -> list[_Layer]:  # noqa: ANN401 (any content of a foreign file)
    """Return the layers of a parsed manifest, with their files in the folder `blobs`.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the manifest is malformed.
    """
    layers = []
    for layer in list(manifest["layers"])[:MOST_LAYERS]:
        kind, digest = str(layer["mediaType"]), DIGEST.fullmatch(str(layer["digest"]))
        if digest is None:
            raise ValueError("no digest")
        layers.append(_Layer(kind.removeprefix(KIND), blobs / f"sha256-{digest[1]}"))
    return layers


def _read_layer(layers: list[_Layer], kind: str) -> str:
    """Return the text of the first layer of this kind; "" if there is none or it cannot be read."""
    for layer in layers:
        if layer.kind == kind:
            try:
                return read_regular(layer.path, LARGEST_TEXT)[0].decode("utf-8", "replace")
            except OSError:
                return ""
    return ""


def _name_licence(text: str) -> str:
    """Return "Apache-2.0" or "MIT" if `text` begins with that licence, else up to 80 characters of its first line."""
    head = text[:2_000].lower()
    named = next((name for words, name in LICENCES if words in head), "")
    return named or next((line.strip()[:80] for line in text.splitlines() if line.strip()), "")
