"""Description of a model that another program keeps on this machine. Start at `FoundModel` and `describe_gguf`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.catalog.published_models import INT8_BYTES
from models.conversion.gguf_contents import read_contents
from models.conversion.gguf_description import NO_FACTS, OriginFacts, find_licence, name_quantization
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
    """A model that another program keeps on this machine.

    Attributes:
        name: name for `starling models convert`; has no characters that are special to a shell or a terminal.
        path: the GGUF file, or the folder of a checkpoint.
        size_bytes: size of all parts on the disk.
        quantization: usual name of the quantization of its weights ("Q4_K_M"); "" for unknown.
        architecture: name in its file; "" for unknown.
        parameters: number of weights, 0 for unknown.
        licence: name of the licence; "unknown" where neither the file nor the program states one.
        problem: reason why it cannot be run here; "" if it can.
        repository: "owner/name" on the hub; "" for none.
        origin: facts from the program that keeps it.
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
    origin: OriginFacts = field(default_factory=OriginFacts)

    @property
    def memory_bytes(self) -> int:
        """Approximate memory of its weights as int8, in bytes."""
        return int(self.parameters * INT8_BYTES)


def sanitize_name(name: str) -> str:
    """Return `name`, shortened, with an underscore for each character that is special to a shell or a terminal."""
    return STRANGE.sub("_", name)[:LONGEST_NAME]


def describe_gguf(name: str, path: Path, origin: OriginFacts = NO_FACTS) -> FoundModel | None:
    """Describe the GGUF model at `path` from its table of contents; its `problem` says if it cannot be used.

    Returns None for a file that belongs to another model: an image encoder, or measurements of its weights.
    """
    name = sanitize_name(name)
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
        sanitize_name(contents.architecture),
        contents.parameters,
        find_licence(contents, origin),
        explain_unsupported(contents) or _explain_tokenizer(contents),
        origin=origin,
    )


def _explain_tokenizer(contents: Contents) -> str:
    """Return the reason why the file's tokenizer is not supported; "" if it is."""
    kind = contents.get_text("tokenizer.ggml.model")
    pretokenizer = contents.get_text("tokenizer.ggml.pre") or "default"
    if kind not in ("gpt2", "llama"):
        return (
            f"its tokenizer is {sanitize_name(kind)!r}, which Starling does not support"
            if kind
            else "it has no tokenizer"
        )
    if kind == "gpt2" and pretokenizer not in PRETOKENIZERS:
        return f"its tokenizer splits text in a way that Starling does not support ({sanitize_name(pretokenizer)})"
    return ""


def _measure_size(path: Path) -> int:
    """Return the size of a file in bytes; 0 if it cannot be read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
