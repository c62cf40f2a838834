"""Description of a GGUF model for its catalog entry: prompt markers, chat format, licence, source and name.

Fill-in-the-middle markers and chat formats are recognized (`models.catalog.prompt_formats`); a template is never run. A
base model's file often contains its family's chat template; if its turns do not end with the file's own end token, the
model was not trained to converse. Start at `describe_model`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.catalog.catalog import FimTokens, RoleSettings
from models.catalog.prompt_formats import match_chat_format, match_fim_format
from models.catalog.published_models import PublishedModel, find_family_fim
from models.conversion.gguf_config import NETWORKS
from models.conversion.gguf_vocabulary import FIM_IDS, OLDER_FIM_IDS, find_token
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from models.catalog.catalog import ChatFormat
    from models.conversion.checkpoint import Checkpoint
    from models.conversion.gguf_contents import Contents
    from models.conversion.vocabulary import Vocabulary

MOST_CONTEXT = 32_768  # tokens; the KV state of more does not fit most machines
LONGEST_FACT = 200  # characters of a licence or a source in a catalog entry

# Number in `general.file_type` -> its usual name; llama.cpp's `enum llama_ftype`.
FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
}
LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "gpl-3.0": "GPL-3.0-only"}
SOURCES = (
    *("general.source.url", "general.source.repo_url", "general.url", "general.repo_url"),
    *("general.source.huggingface.repository", "general.base_model.0.repo_url"),
)
QUANTIZED_NAME = re.compile(r"[.\-_](?:i1-)?(?:I?Q\d\w*|F16|F32|BF16|FP16|FP32|MXFP4)(?:[.\-_]imat)?\Z", re.IGNORECASE)
STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
# Pretokenizers whose tokenizer begins every text with the beginning token, unless the file says otherwise.
WITH_BEGIN = ("llama-bpe", "llama3", "llama-v3")
CHAT_SETTINGS = {"chat": RoleSettings(0.2, 4096), "review": RoleSettings(0.1, 1024)}


@dataclass(frozen=True, slots=True)
class OriginFacts:
    """Facts about a GGUF file from the program that keeps it; the file's own metadata takes precedence.

    Attributes:
        template: chat template; "" for none.
        licence: name of the licence; "" for unknown.
        source: name of the model at its origin; "" for unknown.
    """

    template: str = ""
    licence: str = ""
    source: str = ""


NO_FACTS = OriginFacts()


def describe_model(
    contents: Contents, checkpoint: Checkpoint, vocabulary: Vocabulary, name: str, origin: OriginFacts = NO_FACTS
) -> PublishedModel:
    """Return the description of a GGUF model for its catalog entry.

    Args:
        contents: table of contents of the file.
        checkpoint: the checkpoint built from it.
        vocabulary: tokens of the model.
        name: name for the description.
        origin: facts for what the file does not state.

    Raises:
        ModelError: neither its fill-in-the-middle markers nor its chat format is known.
    """
    from models.conversion.conversion import count_parameters, get_context_tokens  # noqa: PLC0415 (else a circular import)

    begin = _find_begin_token(contents, vocabulary)
    fim = _find_fim(contents, vocabulary)
    chat, note = _find_chat(contents, vocabulary, origin)
    if fim is None and chat is None:
        raise ModelError(
            f"{contents.path} has no known fill-in-the-middle markers and "
            f"{note or 'has no chat template'}; choose another model, or write a catalog.toml by hand."
        )
    roles = (*(("completion",) if fim else ()), *(("chat", "review") if chat else ()))
    return PublishedModel(
        name=name,
        repository=find_source(contents, origin),
        network=NETWORKS[contents.architecture],
        parameters=count_parameters(checkpoint),
        context_tokens=min(get_context_tokens(checkpoint), MOST_CONTEXT),
        licence=find_licence(contents, origin),
        gated=False,
        roles=roles,
        fim=replace(fim, begin=begin) if fim else None,
        chat=replace(chat, begin=begin) if chat else None,
        settings=CHAT_SETTINGS if chat else None,
        note=f"{contents.path.name} {note}, so that it is not offered for chat." if note else "",
    )


def suggest_name(path: Path) -> str:
    """Return a name for the model in the file `path`: the file's name without part number and quantization."""
    stem = re.sub(r"-\d{5}-of-\d{5}\Z", "", path.name.removesuffix(".gguf"))
    name = STRANGE.sub("-", QUANTIZED_NAME.sub("", stem)).strip("-._")
    return name[:80] or "model"


def name_quantization(contents: Contents) -> str:
    """Return the usual name of the quantization of the weights ("Q4_K_M").

    A file that states none gets the type of the largest share of its bytes; "" for one without tensors.
    """
    named = FILE_TYPES.get(contents.get_integer("general.file_type") or -1, "")
    if named or contents.get_integer("general.file_type") == 0:
        return named or FILE_TYPES[0]
    sizes: dict[str, int] = {}
    for tensor in contents.tensors.values():
        sizes[tensor.type_name] = sizes.get(tensor.type_name, 0) + tensor.size_bytes
    return max(sizes, key=lambda name: sizes[name], default="")


def find_licence(contents: Contents, origin: OriginFacts = NO_FACTS) -> str:
    """Return the licence that the file states, else that of `origin`, else "unknown"; an SPDX name if known."""
    licence = contents.get_text("general.license")
    if licence in ("", "other"):
        licence = contents.get_text("general.license.name") or licence
    licence = licence or origin.licence
    return LICENCES.get(licence.lower(), " ".join(licence.split())[:LONGEST_FACT]) or "unknown"


def find_source(contents: Contents, origin: OriginFacts = NO_FACTS) -> str:
    """Return the origin that the file states, else that of `origin`, else the file's path; with the quantization."""
    source = contents.get_text(*SOURCES) or origin.source or str(contents.path.resolve())
    stored = name_quantization(contents)
    return f"{source[:LONGEST_FACT]} ({stored})" if stored else source[:LONGEST_FACT]


def _find_fim(contents: Contents, vocabulary: Vocabulary) -> FimTokens | None:
    """Return the fill-in-the-middle format; None for a model without one.

    Its markers are those that the metadata names by number, else known markers among the tokens.
    """
    tokens = vocabulary.tokens
    known = match_fim_format(frozenset(tokens))
    older = dict(zip(FIM_IDS, OLDER_FIM_IDS, strict=False))
    named = [find_token(contents, tokens, key) or find_token(contents, tokens, older.get(key, "")) for key in FIM_IDS]
    prefix, suffix, middle, _pad, repository, file = named
    if prefix and suffix and middle and (known is None or (known.prefix, known.suffix) != (prefix, suffix)):
        known = FimTokens(prefix, suffix, middle, vocabulary.eos or middle, file, repository)
    if known is None:
        return None
    if contents.get_text("tokenizer.ggml.pre") == "mellum":  # StarCoder's markers in another order
        return replace(known, layouts=("suffix_first",))
    return find_family_fim(known, NETWORKS[contents.architecture])


def _find_chat(contents: Contents, vocabulary: Vocabulary, origin: OriginFacts) -> tuple[ChatFormat | None, str]:
    """Return the chat format and "", or None and the reason for it; None and "" if there is no chat template."""
    template = contents.get_text("tokenizer.chat_template") or origin.template
    if not template:
        return None, ""
    chat = match_chat_format(template, frozenset(vocabulary.tokens))
    if chat is None:
        return None, "has a chat template that Starling does not support"
    ends = {
        vocabulary.eos,
        *(find_token(contents, vocabulary.tokens, f"tokenizer.ggml.{one}_token_id") for one in ("eot", "eom")),
    }
    if chat.ends[0] not in ends:
        return None, "brings its family's chat template, but was not trained to end its turns with it"
    return chat, ""


def _find_begin_token(contents: Contents, vocabulary: Vocabulary) -> str:
    """Return the token that begins every prompt; "" for none."""
    default = (
        contents.get_text("tokenizer.ggml.model") == "llama" or contents.get_text("tokenizer.ggml.pre") in WITH_BEGIN
    )
    adds_begin = contents.values.get("tokenizer.ggml.add_bos_token", default)
    return vocabulary.bos if adds_begin is True else ""
