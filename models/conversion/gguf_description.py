"""The catalog entry of a GGUF model: prompt markers, chat format, licence, source and name, as the file states them.

Fill-in-the-middle markers and chat formats are recognized (`models.catalog.prompt_formats`); a template is never run. A
base model's file often contains its family's chat template; if its turns do not end with the file's own end token, the
model was not trained to converse. Start at `describe`.
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
LONGEST_FACT = 200  # characters of what is copied into a catalog entry

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
BEGUN_WAYS = ("llama-bpe", "llama3", "llama-v3")
CHAT_SETTINGS = {"chat": RoleSettings(0.2, 4096), "review": RoleSettings(0.1, 1024)}


@dataclass(frozen=True, slots=True)
class Beside:
    """Facts about a file from where it was found; the file's own metadata takes precedence.

    Attributes:
        template: of its conversations, "" for none.
        licence: "" for unknown.
        source: where it comes from, "" for unknown.
    """

    template: str = ""
    licence: str = ""
    source: str = ""


NOTHING = Beside()


def describe(
    contents: Contents, checkpoint: Checkpoint, vocabulary: Vocabulary, name: str, beside: Beside = NOTHING
) -> PublishedModel:
    """Return what a catalog entry says of a GGUF model.

    Raises:
        ModelError: neither its completion markers nor its chat format is known here.
    """
    from models.conversion.conversion import count_parameters, get_context_tokens  # noqa: PLC0415 (a circle else)

    begin = _find_begin(contents, vocabulary)
    fim = _find_fim(contents, vocabulary)
    chat, note = _find_chat(contents, vocabulary, beside)
    if fim is None and chat is None:
        raise ModelError(
            f"{contents.path} has no known fill-in-the-middle markers and "
            f"{note or 'has no chat template'}; choose another model, or write a catalog.toml by hand."
        )
    roles = (*(("completion",) if fim else ()), *(("chat", "review") if chat else ()))
    return PublishedModel(
        name=name,
        repository=find_source(contents, beside),
        network=NETWORKS[contents.architecture],
        parameters=count_parameters(checkpoint),
        context_tokens=min(get_context_tokens(checkpoint), MOST_CONTEXT),
        licence=find_licence(contents, beside),
        gated=False,
        roles=roles,
        fim=replace(fim, begin=begin) if fim else None,
        chat=replace(chat, begin=begin) if chat else None,
        settings=CHAT_SETTINGS if chat else None,
        note=f"{contents.path.name} {note}, so that it is not offered for chat." if note else "",
    )


def suggest_name(path: Path) -> str:
    """Return a name for the model in the file `path`: the file's, without part number and quantization."""
    stem = re.sub(r"-\d{5}-of-\d{5}\Z", "", path.name.removesuffix(".gguf"))
    name = STRANGE.sub("-", QUANTIZED_NAME.sub("", stem)).strip("-._")
    return name[:80] or "model"


def name_quantization(contents: Contents) -> str:
    """Return the usual name of the quantization of the weights; that of most bytes where the file names none."""
    named = FILE_TYPES.get(contents.get_integer("general.file_type") or -1, "")
    if named or contents.get_integer("general.file_type") == 0:
        return named or FILE_TYPES[0]
    sizes: dict[str, int] = {}
    for tensor in contents.tensors.values():
        sizes[tensor.type_name] = sizes.get(tensor.type_name, 0) + tensor.size_bytes
    return max(sizes, key=lambda name: sizes[name], default="")


def find_licence(contents: Contents, beside: Beside = NOTHING) -> str:
    """Return the licence that the file names, else the one in `beside`, else "unknown"."""
    licence = contents.get_text("general.license")
    if licence in ("", "other"):
        licence = contents.get_text("general.license.name") or licence
    licence = licence or beside.licence
    return LICENCES.get(licence.lower(), " ".join(licence.split())[:LONGEST_FACT]) or "unknown"


def find_source(contents: Contents, beside: Beside = NOTHING) -> str:
    """Return where the model comes from, with the quantization of its weights there."""
    source = contents.get_text(*SOURCES) or beside.source or str(contents.path.resolve())
    stored = name_quantization(contents)
    return f"{source[:LONGEST_FACT]} ({stored})" if stored else source[:LONGEST_FACT]


def _find_fim(contents: Contents, vocabulary: Vocabulary) -> FimTokens | None:
    """Find the fill-in-the-middle markers by the token numbers that the file names, else by their names."""
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


def _find_chat(contents: Contents, vocabulary: Vocabulary, beside: Beside) -> tuple[ChatFormat | None, str]:
    """Return the chat format, or None and the reason; the reason is "" where there is no template."""
    template = contents.get_text("tokenizer.chat_template") or beside.template
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
        return None, "brings its family's chat template, and was not taught to end a turn by it"
    return chat, ""


def _find_begin(contents: Contents, vocabulary: Vocabulary) -> str:
    """Return the token that begins every prompt, "" for none."""
    default = (
        contents.get_text("tokenizer.ggml.model") == "llama" or contents.get_text("tokenizer.ggml.pre") in BEGUN_WAYS
    )
    adds_begin = contents.values.get("tokenizer.ggml.add_bos_token", default)
    return vocabulary.bos if adds_begin is True else ""
