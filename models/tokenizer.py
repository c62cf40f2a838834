"""A model's tokenizer: text to token strings and back.

Markers are never read from user text: a file that contains `<fim_middle>` is encoded as those characters. Knows
nothing of prompts (`models.fim`) and of weights. Start at `Tokenizer.read`.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from models.errors import ModelError
from starling_files import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokenizers import Tokenizer as Encoder

_LARGEST = 500_000_000  # bytes

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Number of texts whose encodings are cached: snippets, suffix and the settled part of the prefix are the same at each
# key, and encoding costs 1 us a character.
CACHED_TEXTS = 24
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Byte-level tokenizers write each byte that is no visible Latin-1 character as a character from U+0100 on.
_VISIBLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_HIDDEN = tuple(byte for byte in range(256) if byte not in _VISIBLE)
_BYTES = {**{byte: byte for byte in _VISIBLE}, **{256 + place: byte for place, byte in enumerate(_HIDDEN)}}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as tokens.

    Attributes:
        tokens: the token strings, in order; shape (tokens,).
        ends: for each token the number of characters of the text that end with it or before; same shape. A character
            whose bytes lie in several tokens counts from the last of them on.
    """

    tokens: tuple[str, ...]
    ends: tuple[int, ...]


class Tokenizer:
    """Tokenizer of one model. Thread-safe."""

    def __init__(self, encoder: Encoder) -> None:
        # User text must never become a marker: callers add markers as whole tokens.
        encoder.encode_special_tokens = True
        encoder.no_truncation()
        encoder.no_padding()
        self._encoder = encoder
        self._encode_cached = lru_cache(maxsize=CACHED_TEXTS)(self._encode)

    @classmethod
    def read(cls, path: Path) -> Tokenizer:
        """Read the `tokenizer.json` at `path`.

        Raises:
            ModelError: the file is missing, unreadable or no tokenizer.
        """
        from tokenizers import Tokenizer as Encoder  # noqa: PLC0415  # heavy; not before a model is asked for

        try:
            content = read_text(path, _LARGEST)
        except FileNotFoundError:
            raise ModelError(f"The tokenizer {path} is missing; put the model's tokenizer.json there.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"The tokenizer {path} cannot be read ({error}); check its permissions.") from error
        try:
            return cls(Encoder.from_str(content))
        except Exception as error:  # tokenizers raises bare Exception for any malformed file
            raise ModelError(f"{path} is not a tokenizer ({error}); put the model's tokenizer.json there.") from error

    @property
    def size(self) -> int:
        """Number of different tokens, markers included."""
        return self._encoder.get_vocab_size(with_added_tokens=True)

    def has_token(self, token: str) -> bool:
        """Return whether `token` is in the vocabulary."""
        return self._encoder.token_to_id(token) is not None

    def find_id(self, token: str) -> int:
        """Return the id of `token`; -1 if it is not in the vocabulary."""
        found = self._encoder.token_to_id(token)
        return -1 if found is None else found

    def find_token(self, number: int) -> str:
        """Return the token with the id `number`; "" if there is none."""
        return self._encoder.id_to_token(number) or ""

    def encode(self, text: str) -> Encoded:
        """Return the tokens of `text`; a lone surrogate, which UTF-8 cannot express, becomes U+FFFD."""
        return self._encode_cached(text)

    def _encode(self, text: str) -> Encoded:
        """Return the tokens of `text`, computed anew."""
        encoding = self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, text), add_special_tokens=False)
        spans = encoding.offsets
        following = [*(start for start, _ in spans[1:]), len(text)]
        ends = tuple(end if after >= end else start for (start, end), after in zip(spans, following, strict=False))
        return Encoded(tuple(encoding.tokens), ends)

    @property
    def is_byte_level(self) -> bool:
        """Whether the tokens are plain bytes (most tokenizers), so that bytes can be matched against them."""
        return self._vocabulary_by_bytes is not None

    def join_bytes(self, tokens: Sequence[str]) -> bytes:
        """Return the bytes of `tokens`, which must not contain markers; to be called only if `is_byte_level`."""
        return "".join(tokens).translate(_BYTES).encode("latin-1")

    def find_first_tokens(self, text: bytes) -> array[int]:
        """Return the ids of all tokens, except markers, with which a text that begins with `text` can begin.

        Each of them begins with `text`, or `text` begins with it. Empty unless `is_byte_level`.
        """
        if self._vocabulary_by_bytes is None:
            return array("i")
        spellings, numbers = self._vocabulary_by_bytes
        start = bisect_left(spellings, text)
        found = numbers[start : bisect_left(spellings, text + b"\xff", start)]  # a byte that no UTF-8 has
        for length in range(1, len(text)):
            place = bisect_left(spellings, text[:length])
            if place < len(spellings) and spellings[place] == text[:length]:
                found.append(numbers[place])
        return found

    @cached_property
    def _vocabulary_by_bytes(self) -> tuple[list[bytes], array[int]] | None:
        """All tokens but markers as sorted byte strings, and their ids; None unless byte-level."""
        from tokenizers.decoders import ByteLevel  # noqa: PLC0415  # heavy; not before a model is asked for

        if not isinstance(self._encoder.decoder, ByteLevel):
            return None
        markers = self._encoder.get_added_tokens_decoder()
        vocabulary = self._encoder.get_vocab(with_added_tokens=True).items()
        spelled = sorted((self.join_bytes([token]), number) for token, number in vocabulary if number not in markers)
        return [spelling for spelling, _ in spelled], array("i", (number for _, number in spelled))

    def encode_parts(self, parts: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
        """Return the tokens of a text that is given in parts. Text between two markers is encoded as a whole.

        Args:
            parts: each with its text, and whether markers in it become tokens (True, in a template) or plain characters
                (False, in a user's text).
        """
        tokens: list[str] = []
        plain = ""
        for text, ours in parts:
            for piece in self._marker_pattern.split(text) if ours else (text,):
                if ours and self._marker_pattern.fullmatch(piece):
                    tokens += [*self.encode(plain).tokens, piece]
                    plain = ""
                else:
                    plain += piece
        return (*tokens, *self.encode(plain).tokens)

    def encode_with_specials(self, text: str, most: int) -> list[str]:
        """Return the tokens of `text` inside the special tokens that the model expects; cut to `most` tokens in all."""
        around = self._encoder.num_special_tokens_to_add(is_pair=False)
        ends = self.encode(text).ends
        kept = text if len(ends) <= most - around else text[: ends[most - around - 1]]
        return list(self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, kept), add_special_tokens=True).tokens)[:most]

    @cached_property
    def _marker_pattern(self) -> re.Pattern[str]:
        """Pattern that matches any marker, the longest first."""
        known = sorted((token.content for token in self._encoder.get_added_tokens_decoder().values()), key=len)
        return re.compile("(" + "|".join(map(re.escape, reversed(known))) + ")") if known else re.compile("((?!))")

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`; unlike `encode`, caches nothing."""
        return len(self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, text), add_special_tokens=False).ids)

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the text of the token ids `numbers`, without markers and without an incomplete last character."""
        text = self._encoder.decode(list(numbers), skip_special_tokens=True)
        return text.rstrip(REPLACEMENT)
