"""A checkpoint's tokenizer: its file, its tokens in the order of their numbers, and the special ones by name.

Start at `Vocabulary.of`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

TOKENIZER_FILE = "tokenizer.json"
NAMES_FILES = ("special_tokens_map.json", "tokenizer_config.json")  # the later one wins


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a model reads and writes.

    Attributes:
        content: of `tokenizer.json`.
        tokens: in the order of their numbers; shape (tokens,).
        bos: token that begins a text, "" for none.
        eos: token that ends a text, "" for none.
        unk: stands for the unknown, "" for none.
    """

    content: str
    tokens: tuple[str, ...]
    bos: str = ""
    eos: str = ""
    unk: str = ""

    @classmethod
    def of(cls, folder: Path) -> Vocabulary:
        """Read the tokenizer in `folder`.

        Raises:
            ModelError: it is missing or damaged.
        """
        from tokenizers import Tokenizer  # noqa: PLC0415  # heavy; not before a model is converted

        path = folder / TOKENIZER_FILE
        try:
            content = path.read_text(encoding="utf-8")
            numbered = Tokenizer.from_str(content).get_vocab(with_added_tokens=True)
        except FileNotFoundError:
            raise ModelError(f"{folder} has no {TOKENIZER_FILE}; download it beside the weights.") from None
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
        except Exception as error:  # tokenizers raises bare Exception for any malformed file
            raise ModelError(f"{path} is not a tokenizer ({error}); download it again.") from error
        names = _names(folder)
        tokens = [f"<unused_{number}>" for number in range(max(numbered.values(), default=-1) + 1)]
        for token, number in numbered.items():
            tokens[number] = token
        return cls(content, tuple(tokens), *(names.get(f"{role}_token", "") for role in ("bos", "eos", "unk")))

    def fitted(self, rows: int) -> list[str]:
        """As many tokens as the weights have rows: tables are often padded to a round size.

        Raises:
            ModelError: the weights know fewer tokens than the tokenizer.
        """
        if rows < len(self.tokens):
            raise ModelError(
                f"The tokenizer knows {len(self.tokens)} tokens and the weights {rows}; they do not belong together. "
                "Take both from the same download."
            )
        return [*self.tokens, *(f"<extra_id_{number}>" for number in range(rows - len(self.tokens)))]


def _names(folder: Path) -> dict[str, str]:
    """The special tokens by role; what is damaged names none."""
    found: dict[str, str] = {}
    for name in NAMES_FILES:
        try:
            value: Any = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for role in ("bos_token", "eos_token", "unk_token"):
            token = value.get(role) if isinstance(value, dict) else None
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                found[role] = token
    return found
