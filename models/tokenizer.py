"""A model's own tokens: text in, token strings out, and back.

Text is data: a file that contains `<fim_middle>` is encoded as those characters, never as the marker. Knows nothing of
prompts (`models.fim`) and of weights. Start at `Tokenizer.read`.
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
# Snippets, suffix and the settled part of the prefix come again with each key; encoding costs 1 us a character.
REMEMBERED = 24
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Byte-level tokenizers write a byte that is no visible Latin-1 character as one from 256 on.
_VISIBLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_HIDDEN = tuple(byte for byte in range(256) if byte not in _VISIBLE)
_BYTES = {**{byte: byte for byte in _VISIBLE}, **{256 + place: byte for place, byte in enumerate(_HIDDEN)}}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as tokens.

    Attributes:
        tokens: the token strings, in order; shape (tokens,).
        ends: for each token the number of characters of the text that are complete with it; same shape. A token that
            ends inside a character counts that character not yet.
    """

    tokens: tuple[str, ...]
    ends: tuple[int, ...]


class Tokenizer:
    """Encodes and decodes for one model. Thread-safe."""

    def __init__(self, encoder: Encoder) -> None:
        # User text must never become a marker; markers are added by name, as whole tokens.
        encoder.encode_special_tokens = True
        encoder.no_truncation()
        encoder.no_padding()
        self._encoder = encoder
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._encode)

    @classmethod
    def read(cls, path: Path) -> Tokenizer:
        """Read a `tokenizer.json`.

        Raises:
            ModelError: it is missing or cannot be read.
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
            raise ModelError(f"{path} is not a tokenizer ({error}); put the model's own there.") from error

    @property
    def size(self) -> int:
        """Number of different tokens, markers included."""
        return self._encoder.get_vocab_size(with_added_tokens=True)

    def knows(self, token: str) -> bool:
        """Whether `token` is one of the vocabulary."""
        return self._encoder.token_to_id(token) is not None

    def number(self, token: str) -> int:
        """The id of `token`; -1 for a stranger."""
        found = self._encoder.token_to_id(token)
        return -1 if found is None else found

    def token(self, number: int) -> str:
        """The token with the id `number`; "" for a stranger."""
        return self._encoder.id_to_token(number) or ""

    def encode(self, text: str) -> Encoded:
        """Tokens of `text`; a lone surrogate (no UTF-8 exists for it) becomes one replacement character."""
        return self._remembered(text)

    def _encode(self, text: str) -> Encoded:
        encoding = self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, text), add_special_tokens=False)
        spans = encoding.offsets
        following = [*(start for start, _ in spans[1:]), len(text)]
        ends = tuple(end if after >= end else start for (start, end), after in zip(spans, following, strict=False))
        return Encoded(tuple(encoding.tokens), ends)

    @property
    def by_bytes(self) -> bool:
        """Whether its tokens are plain bytes (most are), so that a begun word can be said again token by token."""
        return self._spelled is not None

    def bytes_of(self, tokens: Sequence[str]) -> bytes:
        """What `tokens`, no markers, stand for; only for a tokenizer `by_bytes`."""
        return "".join(tokens).translate(_BYTES).encode("latin-1")

    def continuing(self, text: bytes) -> array[int]:
        """Ids of the tokens that begin with `text`, and of those that `text` begins with; markers left out."""
        if self._spelled is None:
            return array("i")
        spellings, numbers = self._spelled
        start = bisect_left(spellings, text)
        found = numbers[start : bisect_left(spellings, text + b"\xff", start)]  # a byte that no UTF-8 has
        for length in range(1, len(text)):
            place = bisect_left(spellings, text[:length])
            if place < len(spellings) and spellings[place] == text[:length]:
                found.append(numbers[place])
        return found

    @cached_property
    def _spelled(self) -> tuple[list[bytes], array[int]] | None:
        """All tokens as bytes, sorted, and their ids; None for a tokenizer of another kind."""
        from tokenizers.decoders import ByteLevel  # noqa: PLC0415  # heavy; not before a model is asked for

        if not isinstance(self._encoder.decoder, ByteLevel):
            return None
        markers = self._encoder.get_added_tokens_decoder()
        vocabulary = self._encoder.get_vocab(with_added_tokens=True).items()
        spelled = sorted((self.bytes_of([token]), number) for token, number in vocabulary if number not in markers)
        return [spelling for spelling, _ in spelled], array("i", (number for _, number in spelled))

    def marked(self, parts: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
        """Tokens of a text in parts; in those marked true, markers are markers. What lies between markers is one text.

        Args:
            parts: text, and whether it is ours (a template's), so that markers in it count.
        """
        tokens: list[str] = []
        plain = ""
        for text, ours in parts:
            for piece in self._markers.split(text) if ours else (text,):
                if ours and self._markers.fullmatch(piece):
                    tokens += [*self.encode(plain).tokens, piece]
                    plain = ""
                else:
                    plain += piece
        return (*tokens, *self.encode(plain).tokens)

    def enclosed(self, text: str, most: int) -> list[str]:
        """At most `most` tokens of `text` between the ones that the tokenizer puts around every text."""
        around = self._encoder.num_special_tokens_to_add(is_pair=False)
        ends = self.encode(text).ends
        kept = text if len(ends) <= most - around else text[: ends[most - around - 1]]
        return list(self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, kept), add_special_tokens=True).tokens)[:most]

    @cached_property
    def _markers(self) -> re.Pattern[str]:
        """Any marker, to split at."""
        known = sorted((token.content for token in self._encoder.get_added_tokens_decoder().values()), key=len)
        return re.compile("(" + "|".join(map(re.escape, reversed(known))) + ")") if known else re.compile("((?!))")

    def count(self, text: str) -> int:
        """Number of tokens of `text`."""
        return len(self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, text), add_special_tokens=False).ids)

    def decode(self, numbers: Sequence[int]) -> str:
        """Text of the token ids so far; a character whose last bytes have not come yet is held back."""
        text = self._encoder.decode(list(numbers), skip_special_tokens=True)
        return text.rstrip(REPLACEMENT)
