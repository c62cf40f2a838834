"""Models that can be pulled by name: repository, licence, prompt formats and settings.

One TOML file per model in `models/catalog/published/`; adding a model adds a file. Fetches nothing
(`models.catalog.pulling` does). Start at `load_published_models`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from models.catalog.catalog import POOLINGS, ROLES, read_chat, read_fim, read_qualities, read_settings
from models.catalog.toml_tables import Table
from models.local.machine import WeightCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.catalog.catalog import ChatFormat, FimTokens, Measured, RoleSettings
    from models.conversion.conversion import Converted

PUBLISHED = Path(__file__).parent / "published"
NETWORKS = ("gpt_bigcode", "starcoder2", "llama", "mistral", "qwen2", "qwen3", "bert", "roberta")
BYTES_PER_WEIGHT = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0}
INT8_BYTES = 1.02  # scales, norms and biases stay in floating point


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A published model.

    Attributes:
        name: name for commands and for the catalog entry.
        repository: "owner/name" on the hub.
        network: `model_type` of its configuration.
        parameters: number of weights, as published.
        context_tokens: maximum number of tokens of prompt and answer together.
        licence: SPDX name, or the publisher's own.
        gated: whether the publisher demands that the licence is accepted, with an account, before a download.
        roles: tasks it was trained for ("completion", "chat", "review", "embedding").
        fim: fill-in-the-middle format; None for none.
        chat: templates of its turns; None for none.
        pooling: reduction of an embedder's token states to one vector, "mean" or "first".
        settings: settings of its answers, by role; None for defaults.
        table_parameters: weights of its token table, vocabulary times width; 0 for unknown.
        tied: whether input and output embeddings share one table.
        worth: measured qualities, by name.
        note: message for a person who installs it; "" for none.
    """

    name: str
    repository: str
    network: str
    parameters: int
    context_tokens: int
    licence: str
    gated: bool
    roles: tuple[str, ...]
    fim: FimTokens | None = None
    chat: ChatFormat | None = None
    pooling: str = "mean"
    settings: Mapping[str, RoleSettings] | None = None
    table_parameters: int = 0
    tied: bool = True
    worth: Mapping[str, Measured] = field(default_factory=dict)
    note: str = ""

    @property
    def weights(self) -> WeightCounts:
        """Numbers of weights in the layers (at least 1) and in one token table."""
        tables = self.table_parameters * (1 if self.tied else 2)
        return WeightCounts(max(1, self.parameters - tables), self.table_parameters)

    def estimate_size_bytes(self, quantization: str) -> int:
        """Return the approximate size of the weights in bytes, as `quantization`; as int8 if that is unknown."""
        return int(self.parameters * BYTES_PER_WEIGHT.get(quantization, INT8_BYTES))


@cache
def load_published_models() -> Mapping[str, PublishedModel]:
    """Return all published models by name, the smallest first.

    Raises:
        CatalogError: one of the files is malformed.
    """
    models = [_read_model(path) for path in PUBLISHED.glob("*.toml")]
    return {model.name: model for model in sorted(models, key=lambda model: (model.parameters, model.name))}


def find_family_fim(fim: FimTokens, network: str) -> FimTokens:
    """Return the fill-in-the-middle format of the smallest published model of `network` with the markers of `fim`.

    Its layouts and token healing were chosen for the family. Without such a model, returns `fim` itself.
    """

    def list_markers(one: FimTokens) -> tuple[str, ...]:
        """Return all markers of a format."""
        return (one.prefix, one.suffix, one.middle, one.end, one.file, one.repository)

    family = (one.fim for one in load_published_models().values() if one.fim is not None and one.network == network)
    return next((one for one in family if list_markers(one) == list_markers(fim)), fim)


def format_entry(published: PublishedModel, converted: Converted, *, quantization: str, source: str) -> str:
    """Return the text of `catalog.toml` for the model `converted`.

    Args:
        published: name, licence, roles, formats and settings.
        converted: architecture and sizes.
        quantization: number type of the weights on disk.
        source: origin of the weights.
    """
    lines = [
        f"name = {_quote(published.name)}",
        f"architecture = {_quote(converted.architecture)}",
        f"parameters = {converted.parameters}",
        f"context_tokens = {min(converted.context_tokens, published.context_tokens)}",
        f"quantization = {_quote(quantization)}",
        f"licence = {_quote(published.licence)}",
        f"source = {_quote(source)}",
        f"roles = {_quote(list(published.roles))}",
    ]
    if published.fim is not None:
        fim = published.fim
        names = ("prefix", "suffix", "middle", "end", "file", "repository", "path_place", "begin")
        lines += ["", "[fim]", *(f"{name} = {_quote(getattr(fim, name))}" for name in names)]
        lines.append(f"layouts = {_quote(list(fim.layouts))}")
        if fim.healing is not None:
            lines.append(f"healing = {_quote(list(fim.healing))}")
    if published.chat is not None:
        chat = published.chat
        turns = ("system", "user", "assistant", "opening", "begin")
        lines += ["", "[chat]", *(f"{name} = {_quote(getattr(chat, name))}" for name in turns)]
        lines.append(f"ends = {_quote(list(chat.ends))}")
        if chat.led is not None:
            lines.append(f"led = {_quote(chat.led)}")
    if "embedding" in published.roles:
        lines += ["", "[embedding]", f"pooling = {_quote(published.pooling)}"]
    for role, settings in (published.settings or {}).items():
        lines += ["", f"[role.{role}]", f"temperature = {settings.temperature}", f"max_tokens = {settings.max_tokens}"]
    return "\n".join(lines) + "\n"


def _quote(value: object) -> str:
    """Return a boolean, a string, or a list of strings, as TOML.

    JSON's strings are valid there except for one character.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read_model(path: Path) -> PublishedModel:
    """Read a file of `published/`; raise CatalogError if it is malformed."""
    fields = Table.read(path)
    roles = fields.get_texts("roles", ROLES)
    tables = {name: fields.get_table(name, optional=True) for name in ("fim", "chat", "embedding", "role")}
    return PublishedModel(
        name=fields.get_text("name"),
        repository=fields.get_text("repository"),
        network=fields.get_choice("network", NETWORKS, default=""),
        parameters=fields.get_integer("parameters", least=1),
        context_tokens=fields.get_integer("context_tokens", least=1),
        licence=fields.get_text("licence"),
        gated=fields.get_bool("gated", default=False),
        roles=roles,
        fim=read_fim(tables["fim"]) if "completion" in roles else None,
        chat=read_chat(tables["chat"]) if "chat" in roles else None,
        pooling=tables["embedding"].get_choice("pooling", POOLINGS, default="mean"),
        settings=read_settings(tables["role"], roles),
        table_parameters=fields.get_integer("table_parameters", least=0, default=0),
        tied=fields.get_bool("tied", default=True),
        worth=read_qualities(fields.get_table("worth", optional=True)),
    )
