"""Description of a model that another program keeps here. Start at `FoundModel` and `describe_gguf`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.catalog.published_models import INT8_BYTES
from models.conversion.gguf_contents import read_contents
from models.conversion.gguf_description import NOTHING, Beside, find_licence, name_quantization
from models.conversion.gguf_weights import explain_unsupported, is_auxiliary
from models.conversion.pretokenizers import PRETOKENIZERS
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from models.conversion.gguf_contents import Contents

MOST_ENTRIES = 50_000  # of one program's folders
MOST_MODELS = 1_000  # of one program
LONGEST_NAME = 200
STRANGE = re.compile(r"[^A-Za-z0-9._:/@+=-]")


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model that is here already.

    Attributes:
        name: by which `starling models convert` takes it; letters that can be typed, nothing that drives a terminal.
        path: the GGUF file, or the folder of a checkpoint.
        size_bytes: on the disk, all parts.
        quantization: of its weights, as people call it; "" for unknown.
        architecture: as its file calls it; "" for unknown.
        parameters: number of weights, 0 for unknown.
        licence: "unknown" where neither the file nor the program says.
        problem: why it cannot be run here, "" where it can.
        repository: "owner/name" on the hub, "" for none.
        beside: what the program says of it.
    """

    name: str
    path: Path
    size_bytes: int
    quantization: str = ""
    architecture: str = ""
    parameters: int = 0
    licence: str = "unknown"
    problem: str = ""
    repository: str = ""
    beside: Beside = field(default_factory=Beside)

    @property
    def memory_bytes(self) -> int:
        """Approximate memory that it takes as int8, in bytes."""
        return int(self.parameters * INT8_BYTES)


def make_typeable(name: str) -> str:
    """Return a name without characters that are special to a shell or a terminal."""
    return STRANGE.sub("_", name)[:LONGEST_NAME]


def describe_gguf(name: str, path: Path, beside: Beside = NOTHING) -> FoundModel | None:
    """Return what the head of a GGUF file tells; None for a part of another model."""
    name = make_typeable(name)
    try:
        contents = read_contents(path, arrays=False)
        size = sum(file.stat().st_size for file in contents.files)
    except (ModelError, OSError) as error:
        return FoundModel(name, path, _measure_size(path), problem=str(error))
    if is_auxiliary(contents):
        return None
    return FoundModel(
        name,
        contents.path,
        size,
        name_quantization(contents),
        make_typeable(contents.architecture),
        contents.parameters,
        find_licence(contents, beside),
        explain_unsupported(contents) or _explain_tokenizer(contents),
        beside=beside,
    )


def _explain_tokenizer(contents: Contents) -> str:
    """Return why the file's tokenizer cannot be used; "" if it can."""
    kind = contents.get_text("tokenizer.ggml.model")
    way = contents.get_text("tokenizer.ggml.pre") or "default"
    if kind not in ("gpt2", "llama"):
        return (
            f"its tokenizer is {make_typeable(kind)!r}, which Starling does not support"
            if kind
            else "it has no tokenizer"
        )
    if kind == "gpt2" and way not in PRETOKENIZERS:
        return f"its tokenizer splits text in a way that Starling does not support ({make_typeable(way)})"
    return ""


def _measure_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
