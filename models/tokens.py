"""A model's own tokens: text in, token strings out, and back.

Text is data: a file that contains `<fim_middle>` is encoded as those characters, never as the marker. Knows nothing of
prompts (`models.fim`) and of weights. Start at `Tokenizer.read`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokenizers import Tokenizer as Encoder

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Snippets, suffix and the settled part of the prefix come again with each key; encoding costs 1 us a character.
REMEMBERED = 24
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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
            content = path.read_text(encoding="utf-8")
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

    def count(self, text: str) -> int:
        """Number of tokens of `text`."""
        return len(self._encoder.encode(LONE_SURROGATE.sub(REPLACEMENT, text), add_special_tokens=False).ids)

    def decode(self, numbers: Sequence[int]) -> str:
        """Text of the token ids so far; a character whose last bytes have not come yet is held back."""
        text = self._encoder.decode(list(numbers), skip_special_tokens=True)
        return text.rstrip(REPLACEMENT)
