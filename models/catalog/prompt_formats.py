"""Prompt formats that models were trained on: fill-in-the-middle markers and chat turns.

Markers are recognized in the vocabulary, turns in the chat template. A template is a program in a foreign file and is
never run: it is recognized by the markers in it, or reported as unknown. Start at `match_fim_format` and
`match_chat_format`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.catalog.catalog import ChatFormat, FimTokens

if TYPE_CHECKING:
    from collections.abc import Collection

END = "<|endoftext|>"
_BAR = "\N{FULLWIDTH VERTICAL LINE}"  # DeepSeek's

# A tokenizer's markers show the format that its model was trained on.
FORMATS = (
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>", END, "<filename>", "<reponame>", ("psm", "spm")),
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>", END, "<file_sep>", "<repo_name>"),
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>", END),
    FimTokens(
        *("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", END, "<|file_sep|>", "<|repo_name|>"),
        path_place="none",  # behind its file's path Qwen2.5-Coder 0.5B writes the docstring above once more
    ),
    FimTokens("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", "<[end▁of▁sentence]>", layouts=("suffix_first",)),
    FimTokens(
        f"<{_BAR}fim▁begin{_BAR}>",
        f"<{_BAR}fim▁hole{_BAR}>",
        f"<{_BAR}fim▁end{_BAR}>",
        f"<{_BAR}end▁of▁sentence{_BAR}>",
    ),
    FimTokens("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"),
)
MARKERS = frozenset(
    marker
    for form in FORMATS
    for marker in (form.prefix, form.suffix, form.middle, form.end, form.file, form.repository)
    if marker
)

CHATML = ChatFormat(
    system="<|im_start|>system\n{text}<|im_end|>\n",
    user="<|im_start|>user\n{text}<|im_end|>\n",
    assistant="<|im_start|>assistant\n{text}<|im_end|>\n",
    opening="<|im_start|>assistant\n",
    ends=("<|im_end|>",),
)
_LLAMA3 = ChatFormat(
    system="<|start_header_id|>system<|end_header_id|>\n\n{text}<|eot_id|>",
    user="<|start_header_id|>user<|end_header_id|>\n\n{text}<|eot_id|>",
    assistant="<|start_header_id|>assistant<|end_header_id|>\n\n{text}<|eot_id|>",
    opening="<|start_header_id|>assistant<|end_header_id|>\n\n",
    ends=("<|eot_id|>",),
)
_MISTRAL = ChatFormat(system="", user="[INST] {text} [/INST]", assistant=" {text}</s>", opening="", ends=("</s>",))
_ZEPHYR = ChatFormat(
    system="<|system|>\n{text}</s>\n",
    user="<|user|>\n{text}</s>\n",
    assistant="<|assistant|>\n{text}</s>\n",
    opening="<|assistant|>\n",
    ends=("</s>",),
)
# Markers that a template must contain -> its turns; the first match wins.
TEMPLATES: tuple[tuple[tuple[str, ...], ChatFormat], ...] = (
    (("<|im_start|>", "<|im_end|>"), CHATML),
    (("<|start_header_id|>", "<|eot_id|>"), _LLAMA3),
    (("[INST]", "[/INST]"), _MISTRAL),
    (("<|user|>", "<|assistant|>"), _ZEPHYR),
)


def match_fim_format(tokens: Collection[str]) -> FimTokens | None:
    """Return the first fill-in-the-middle format whose markers are all in the vocabulary `tokens`, else None."""
    for form in FORMATS:
        named = (form.prefix, form.suffix, form.middle, form.end, form.file, form.repository)
        if all(marker in tokens for marker in named if marker):
            return form
    return None


def match_chat_format(template: str, tokens: Collection[str]) -> ChatFormat | None:
    """Return the chat format whose markers are in `template` and whose end tokens are in the vocabulary `tokens`.

    The token "<|endoftext|>" is added to its end tokens if the vocabulary has it. None if no known format matches.
    """
    for marks, form in TEMPLATES:
        if all(mark in template for mark in marks) and all(end in tokens for end in form.ends):
            also = tuple(end for end in (END,) if end in tokens and end not in form.ends)
            return replace(form, ends=(*form.ends, *also))
    return None
