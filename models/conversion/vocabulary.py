"""Vocabulary of a checkpoint: tokenizer file, tokens in the order of their numbers, special tokens by role.

Start at `Vocabulary.read`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.catalog.prompt_formats import MARKERS
from models.errors import ModelError
from starling_files import read_text

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 500_000_000  # bytes

TOKENIZER_FILE = "tokenizer.json"
PARTS = ("vocab.json", "merges.txt")
ROBERTA_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
NAMES_FILES = ("special_tokens_map.json", "tokenizer_config.json")  # the later one wins


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokenizer and tokens of a model.

    Attributes:
        content: content of `tokenizer.json`.
        tokens: tokens in the order of their numbers.
        bos: token that begins a text; "" for none.
        eos: token that ends a text; "" for none.
        unk: token for unknown text; "" for none.
    """

    content: str
    tokens: tuple[str, ...]
    bos: str = ""
    eos: str = ""
    unk: str = ""

    @classmethod
    def read(cls, folder: Path, file: Path | None = None) -> Vocabulary:
        """Read the vocabulary of the checkpoint in `folder`.

        Args:
            folder: folder with `tokenizer.json`, or `vocab.json` and `merges.txt` in older checkpoints.
            file: a `tokenizer.json` to use in place of those; None for those in `folder`.

        Raises:
            ModelError: the tokenizer is missing or damaged.
        """
        from tokenizers import Tokenizer  # noqa: PLC0415  # heavy; only for conversions

        path = file or folder / TOKENIZER_FILE
        try:
            content = _build_from_parts(folder) if file is None and not path.exists() else read_text(path, _LARGEST)
            numbered = Tokenizer.from_str(content).get_vocab(with_added_tokens=True)
        except FileNotFoundError:
            raise ModelError(
                f"{folder} has no {TOKENIZER_FILE}; put the model's own beside the weights, or name it with "
                "--tokenizer."
            ) from None
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
        except Exception as error:  # tokenizers raises bare Exception for any malformed file
            raise ModelError(f"{path} is not a tokenizer ({error}); download it again.") from error
        content = _mark_special(content)
        names = _read_special_tokens(folder)
        tokens = [f"<unused_{number}>" for number in range(max(numbered.values(), default=-1) + 1)]
        for token, number in numbered.items():
            tokens[number] = token
        return cls(content, tuple(tokens), *(names.get(f"{role}_token", "") for role in ("bos", "eos", "unk")))

    def pad_tokens(self, rows: int) -> list[str]:
        """Return the tokens, padded to `rows` with tokens "<extra_id_N>"; tables of weights often have a round size.

        Raises:
            ModelError: the weights have fewer rows than the tokenizer has tokens.
        """
        if rows < len(self.tokens):
            raise ModelError(
                f"The tokenizer knows {len(self.tokens)} tokens and the weights {rows}; they do not belong together. "
                "Take both from the same download."
            )
        return [*self.tokens, *(f"<extra_id_{number}>" for number in range(rows - len(self.tokens)))]


def _mark_special(content: str) -> str:
    """Return the `tokenizer.json` `content` with its fill-in-the-middle markers marked as special.

    Otherwise text that looks like a marker would be encoded as the marker. Qwen's file lists them as ordinary tokens.
    """
    value = json.loads(content)
    added = [token for token in value.get("added_tokens") or () if token["content"] in MARKERS and not token["special"]]
    for token in added:
        token["special"] = True
    return json.dumps(value, ensure_ascii=False) if added else content


def _build_from_parts(folder: Path) -> str:
    """Build a `tokenizer.json` from `vocab.json` and `merges.txt`: byte-level BPE, as in GPT-2 and RoBERTa.

    Raises:
        FileNotFoundError: one of the two is missing.
        Exception: the files are damaged.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors  # noqa: PLC0415

    for name in PARTS:
        (folder / name).stat()
    tokenizer = Tokenizer(models.BPE.from_file(*(str(folder / name) for name in PARTS)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    numbers = {token: number for token, number in tokenizer.get_vocab().items() if token in ROBERTA_TOKENS}
    if len(numbers) == len(ROBERTA_TOKENS):
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ROBERTA_TOKENS])
        first, last = (("<s>", numbers["<s>"]), ("</s>", numbers["</s>"]))
        tokenizer.post_processor = processors.RobertaProcessing(last, first, trim_offsets=True, add_prefix_space=False)
    content: str = tokenizer.to_str()
    return content


def _read_special_tokens(folder: Path) -> dict[str, str]:
    """Return the special tokens that files in `folder` name, by role ("bos_token"); skip damaged files."""
    found: dict[str, str] = {}
    for name in NAMES_FILES:
        try:
            value: Any = json.loads(read_text(folder / name, _LARGEST))
        except (OSError, ValueError, RecursionError):
            continue
        for role in ("bos_token", "eos_token", "unk_token"):
            token = value.get(role) if isinstance(value, dict) else None
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                found[role] = token
    return found
