"""How byte-level tokenizers cut a text into pieces before they join bytes, by llama.cpp's names for the ways there are.

A GGUF file names its way (`tokenizer.ggml.pre`); the wrong one gives tokens that the network never saw, and answers
that look almost right. So a name that is not here is refused and never guessed. Start at `WAYS`.
"""

from __future__ import annotations

from dataclasses import dataclass

_SUFFIXES = "'s|'t|'re|'ve|'m|'ll|'d"
_WORDS = rf"{_SUFFIXES}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+"  # GPT-2's
_DIGIT = r"\p{N}"


def _modern(digits: str, *, marks: str = r" ?[^\s\p{L}\p{N}]+[\r\n]*") -> str:
    """The pattern of tokenizers since GPT-4: any case of a suffix, line breaks beside marks, so many digits at once."""
    return rf"(?i:{_SUFFIXES})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}|{marks}|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to cut.

    Attributes:
        patterns: each cuts what those before it left in one piece.
        composed: whether letters and their accents are joined first (Unicode's NFC).
        whole: whether a piece that is a token is taken as it is, whatever the merges say.
    """

    patterns: tuple[str, ...]
    composed: bool = False
    whole: bool = False


_GPT2 = Way((_WORDS,))
_STARCODER = Way((_DIGIT, _WORDS))
_LLAMA3 = Way((_modern(r"\p{N}{1,3}"),), whole=True)
_QWEN2 = Way((_modern(_DIGIT),), composed=True)
_DEEPSEEK = r"[一-龥ࠀ-一가-퟿]+"

WAYS: dict[str, Way] = {
    "default": Way((r"[\p{P}\$\+<=>\^~\|]+", _WORDS, r"\p{N}+", "[0-9][0-9][0-9]")),
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais", "mellum"), _GPT2),
    **dict.fromkeys(("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"), _STARCODER),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3"), _LLAMA3),
    **dict.fromkeys(("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"), Way((_modern(r"\p{N}{1,3}"),))),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _QWEN2),
    "stablelm2": Way((_modern(_DIGIT),)),
    "seed-coder": Way((_modern(_DIGIT, marks=r" ?[^\s\p{L}\p{N}\r\n]+"),)),
    "deepseek-coder": Way((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _DEEPSEEK, _DIGIT)),
}
"""Name in the file -> how it cuts."""
