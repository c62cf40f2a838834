"""Tokenizer of a GGUF file as a `tokenizer.json`: byte-level BPE as in GPT-2, or SentencePiece as in Llama.

The special tokens of the file stay special: text of a workspace that looks like one is encoded as plain text. Start at
`build_vocabulary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.catalog.prompt_formats import MARKERS
from models.conversion.pretokenizers import PRETOKENIZERS
from models.conversion.vocabulary import Vocabulary
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.conversion.gguf_contents import Contents

# Types of a token, as llama.cpp numbers them.
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
FIM_IDS = tuple(f"tokenizer.ggml.fim_{part}_token_id" for part in ("pre", "suf", "mid", "pad", "rep", "sep"))
OLDER_FIM_IDS = tuple(f"tokenizer.ggml.{part}_token_id" for part in ("prefix", "suffix", "middle"))
LONGEST_JOINED = 256  # characters of a token that merges are derived for; longer ones are runs of one character
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
OTHER = "give the model's own tokenizer.json with --tokenizer FILE"


def build_vocabulary(contents: Contents) -> Vocabulary:
    """Build the vocabulary and tokenizer that the file's metadata describes.

    Raises:
        ModelError: the file has no tokenizer, or an unsupported or damaged one; the message says what to do.
    """
    kind = contents.get_text("tokenizer.ggml.model")
    tokens = _read_tokens(contents)
    if kind not in ("gpt2", "llama"):
        named = f"a tokenizer of the kind {kind[:60]!r}, which Starling does not support" if kind else "no tokenizer"
        raise ModelError(f"{contents.path} holds {named}; {OTHER}.")
    types = _read_types(contents, len(tokens))
    try:
        tokenizer = (
            _build_byte_level(contents, tokens) if kind == "gpt2" else _build_sentence_piece(contents, tokens, types)
        )
        _add_markers(
            tokenizer, tokens, types, {find_token(contents, tokens, key) for key in (*FIM_IDS, *OLDER_FIM_IDS)}
        )
        content: str = tokenizer.to_str()
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises bare Exception for parts that do not fit
        raise ModelError(f"The tokenizer in {contents.path} is damaged ({error}); {OTHER}.") from error
    roles = (find_token(contents, tokens, f"tokenizer.ggml.{role}_token_id") for role in ("bos", "eos", "unknown"))
    return Vocabulary(content, tuple(tokens), *roles)


def find_token(contents: Contents, tokens: Sequence[str], key: str) -> str:
    """Return the token whose number is the metadata value under `key`; "" if there is no such value or token."""
    number = contents.get_integer(key)
    return tokens[number] if number is not None and 0 <= number < len(tokens) else ""


def _read_tokens(contents: Contents) -> list[str]:
    """Return all tokens in the order of their numbers; a repeated token is replaced by "<unused_N>".

    Raises:
        ModelError: the file has no tokens.
    """
    listed = contents.get_list("tokenizer.ggml.tokens")
    if not listed or not all(isinstance(token, str) for token in listed):
        raise ModelError(f"{contents.path} holds no tokenizer; {OTHER}.")
    seen: set[str] = set()
    tokens = []
    for number, token in enumerate(listed):
        own = f"<unused_{number}>" if token in seen else token
        seen.add(own)
        tokens.append(own)
    return tokens


def _read_types(contents: Contents, count: int) -> list[int]:
    """Return the type of each token as llama.cpp numbers them; NORMAL where the file states none.

    Raises:
        ModelError: there are more or fewer types than tokens.
    """
    listed = contents.get_list("tokenizer.ggml.token_type")
    if listed is None:
        return [NORMAL] * count
    if len(listed) != count:
        raise ModelError(f"{contents.path} has {count} tokens and {len(listed)} token types; {OTHER}.")
    return [kind if isinstance(kind, int) else NORMAL for kind in listed]


def _build_byte_level(contents: Contents, tokens: list[str]) -> Any:  # noqa: ANN401 (a tokenizer of the library)
    """Build a byte-level BPE tokenizer (https://arxiv.org/abs/1508.07909, on bytes as in GPT-2) from tokens and merges.

    Raises:
        ModelError: the pretokenizer is unknown, or there are no merges.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers  # noqa: PLC0415 (heavy)

    name = contents.get_text("tokenizer.ggml.pre") or "default"
    if name not in PRETOKENIZERS:
        raise ModelError(
            f"{contents.path} splits text in a way that Starling does not support "
            f"(tokenizer.ggml.pre = {name[:60]!r}); {OTHER}."
        )
    pretokenizer = PRETOKENIZERS[name]
    merges = contents.get_list("tokenizer.ggml.merges")
    if not merges:
        raise ModelError(f"The tokenizer in {contents.path} has no merges; {OTHER}.")
    pairs = [tuple(str(merge).split(" ", 1)) for merge in merges]
    numbered = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(numbered, pairs, ignore_merges=pretokenizer.whole))  # type: ignore[arg-type]  # checked there
    if pretokenizer.composed:
        tokenizer.normalizer = normalizers.NFC()
    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in pretokenizer.patterns]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*cuts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _build_sentence_piece(contents: Contents, tokens: list[str], types: list[int]) -> Any:  # noqa: ANN401 (a tokenizer of the library)
    """Build SentencePiece's BPE (https://arxiv.org/abs/1808.06226): the merges follow from the scores of the tokens.

    SentencePiece puts a space before every text. The texts of a fill-in-the-middle prompt continue each other, so the
    tokenizer of a model that completes puts none.

    Raises:
        ModelError: there is no score for each token.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers  # noqa: PLC0415 (heavy)

    scores = contents.get_list("tokenizer.ggml.scores")
    if scores is None or len(scores) != len(tokens):
        raise ModelError(f"The tokenizer in {contents.path} has no score for each token; {OTHER}.")
    numbered = {token: number for number, token in enumerate(tokens)}
    unknown = find_token(contents, tokens, "tokenizer.ggml.unknown_token_id") or (tokens[0] if types[0] == 2 else None)
    by_byte = all(f"<0x{byte:02X}>" in numbered for byte in range(256))
    merges = _derive_merges(tokens, types, scores, numbered)
    tokenizer = Tokenizer(models.BPE(numbered, merges, unk_token=unknown, fuse_unk=True, byte_fallback=by_byte))
    add_space = contents.values.get("tokenizer.ggml.add_space_prefix", True)
    prefixed = add_space is not False and MARKERS.isdisjoint(numbered)
    spaces = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if prefixed else spaces
    parts = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if prefixed else parts)
    return tokenizer


def _derive_merges(
    tokens: Sequence[str], types: Sequence[int], scores: Sequence[float], numbered: dict[str, int]
) -> list[tuple[str, str]]:
    """Return the merges of a SentencePiece tokenizer: all pairs of tokens that form a token, highest score first.

    The order is that of `generate_merges` in transformers' `convert_slow_tokenizer.py`.

    Args:
        tokens: all tokens.
        types: type of each token; only NORMAL tokens are formed by merges.
        scores: score of each token.
        numbered: number of each token.
    """
    found = []
    for token, kind, score in zip(tokens, types, scores, strict=True):
        if kind != NORMAL or not 1 < len(token) <= LONGEST_JOINED:
            continue
        pairs = ((token[:place], token[place:]) for place in range(1, len(token)))
        halves = [pair for pair in pairs if pair[0] in numbered and pair[1] in numbered]
        halves.sort(key=lambda pair: (numbered[pair[0]], numbered[pair[1]]))
        found += [(-float(score), pair) for pair in halves]
    return [pair for _, pair in sorted(found, key=lambda item: (item[0], len(item[1][0]), len(item[1][1])))]


def _add_markers(tokenizer: Any, tokens: Sequence[str], types: Sequence[int], named: set[str]) -> None:  # noqa: ANN401
    """Add the special tokens to `tokenizer` as units that text is split at, in the order of their numbers.

    Args:
        tokenizer: a tokenizer of the library `tokenizers`; changed in place.
        tokens: all tokens.
        types: type of each token, as llama.cpp numbers them.
        named: fill-in-the-middle markers that the metadata names.
    """
    from tokenizers import AddedToken  # noqa: PLC0415 (heavy)

    markers = [
        AddedToken(token, special=kind == CONTROL or token in MARKERS or token in named, normalized=False)
        for token, kind in zip(tokens, types, strict=True)
        if token and (kind in (CONTROL, USER_DEFINED) or token in MARKERS or token in named)
    ]
    tokenizer.add_tokens(markers)
