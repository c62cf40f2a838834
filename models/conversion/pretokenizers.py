"""Patterns with which byte-level tokenizers split text before they merge bytes, by llama.cpp's names.

A GGUF file names its pattern (`tokenizer.ggml.pre`); a wrong one gives tokens that the network never saw, and answers
that look almost right. So an unknown name is refused, never guessed. The patterns are those of
`llm_tokenizer_bpe` in llama.cpp's `src/llama-vocab.cpp`. Start at `PRETOKENIZERS`.
"""

from __future__ import annotations

from dataclasses import dataclass

_SUFFIXES = "'s|'t|'re|'ve|'m|'ll|'d"
_WORDS = rf"{_SUFFIXES}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+"  # GPT-2's
_DIGIT = r"\p{N}"


def _build_modern_pattern(digits: str, *, marks: str = r" ?[^\s\p{L}\p{N}]+[\r\n]*") -> str:
    """Return the pattern of tokenizers since GPT-4: suffixes in any case, line breaks after punctuation.

    Args:
        digits: pattern of a group of digits.
        marks: pattern of punctuation.
    """
    return rf"(?i:{_SUFFIXES})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}|{marks}|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True, slots=True)
class Pretokenizer:
    """Rules that split text into pieces before bytes are merged.

    Attributes:
        patterns: patterns, applied in turn, each to the pieces that the previous pattern left.
        composed: whether letters and their accents are joined first (Unicode's NFC).
        whole: whether a piece that is a token becomes this token, regardless of the merges.
    """

    patterns: tuple[str, ...]
    composed: bool = False
    whole: bool = False


_GPT2 = Pretokenizer((_WORDS,))
_STARCODER = Pretokenizer((_DIGIT, _WORDS))
_LLAMA3 = Pretokenizer((_build_modern_pattern(r"\p{N}{1,3}"),), whole=True)
_QWEN2 = Pretokenizer((_build_modern_pattern(_DIGIT),), composed=True)
_DEEPSEEK = r"[一-龥ࠀ-一가-퟿]+"

PRETOKENIZERS: dict[str, Pretokenizer] = {
    "default": Pretokenizer((r"[\p{P}\$\+<=>\^~\|]+", _WORDS, r"\p{N}+", "[0-9][0-9][0-9]")),
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais", "mellum"), _GPT2),
    **dict.fromkeys(("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"), _STARCODER),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3"), _LLAMA3),
    **dict.fromkeys(
        ("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"), Pretokenizer((_build_modern_pattern(r"\p{N}{1,3}"),))
    ),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _QWEN2),
    "stablelm2": Pretokenizer((_build_modern_pattern(_DIGIT),)),
    "seed-coder": Pretokenizer((_build_modern_pattern(_DIGIT, marks=r" ?[^\s\p{L}\p{N}\r\n]+"),)),
    "deepseek-coder": Pretokenizer((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _DEEPSEEK, _DIGIT)),
}
"""Pretokenizers by the name in a GGUF file."""
