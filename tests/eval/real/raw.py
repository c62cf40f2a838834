"""The engine alone: CTranslate2 with a plain prompt, and nothing of Starling except the tokenizer.

The baseline for Starling with the same weights. Infilling: prefix, suffix, middle; 3,000 characters before the cursor
and 1,000 after it, greedy. Chat: the model's own chat template, greedy. Start at `Raw`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry

REVISION = "raw-1"  # to be increased when prompts or cuts of this file change
BEFORE, BEHIND = 3000, 1000  # characters
LINE_TOKENS = 64


@dataclass(frozen=True)
class Said:
    """Text that the engine wrote, and the numbers of tokens that it read and wrote."""

    text: str
    prompt_tokens: int
    answer_tokens: int


class Raw:
    """A model loaded into CTranslate2."""

    def __init__(self, entry: ModelEntry, threads: int) -> None:
        import ctranslate2  # noqa: PLC0415 - heavy

        self.entry = entry
        self._tokenizer = Tokenizer.read(entry.tokenizer)
        self._generator: Any = ctranslate2.Generator(
            str(entry.weights), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads
        )

    def close(self) -> None:
        """Free the weights."""
        self._generator = None

    def fill(self, prefix: str, suffix: str, stop: Callable[[str], int | None], tokens: int = LINE_TOKENS) -> Said:
        """Fill in the text between `prefix` and `suffix`, cut at the offset that `stop` returns for the text so far."""
        fim = self.entry.fim
        behind = self._tokenizer.encode(suffix[:BEHIND]).tokens
        room = self.entry.context_tokens - len(behind) - tokens - 3  # markers
        before = self._tokenizer.encode(prefix[-BEFORE:]).tokens[-room:]  # the bundled model has a small window
        prompt = [fim.prefix, *before, fim.suffix, *behind, fim.middle]
        markers = (fim.end, fim.prefix, fim.suffix, fim.middle, fim.file, fim.repository)
        return self._write(prompt, [one for one in markers if one], stop, tokens)

    def converse(self, system: str, user: str, tokens: int) -> Said:
        """Answer one message by the model's chat template.

        Raises:
            ValueError: the model does not chat.
        """
        form = self.entry.chat
        if form is None:
            raise ValueError(f"The model {self.entry.name} does not chat.")
        parts = [
            *(_split_turn(form.system, system) if system else ()),
            *_split_turn(form.user, user),
            (form.opening, True),
        ]
        return self._write(list(self._tokenizer.encode_parts(parts)), list(form.ends), lambda _: None, tokens)

    def _write(self, prompt: list[str], ends: Sequence[str], stop: Callable[[str], int | None], tokens: int) -> Said:
        """Decode greedily after `prompt`, up to one of the tokens `ends`, a cut of `stop`, or `tokens` tokens."""
        numbers: list[int] = []
        cut: int | None = None

        def callback(step: Any) -> bool:
            """Record a token; return whether decoding has to stop."""
            nonlocal cut
            if step.token in ends:
                return True
            numbers.append(step.token_id)
            cut = stop(self._tokenizer.decode(numbers))
            return cut is not None

        self._generator.generate_batch(
            [prompt], max_length=tokens, include_prompt_in_result=False, end_token=list(ends), callback=callback
        )
        return Said(self._tokenizer.decode(numbers)[:cut], len(prompt), len(numbers))


def _split_turn(template: str, text: str) -> list[tuple[str, bool]]:
    """Return the parts of a turn with the text `text`, each with whether its markers are special tokens."""
    before, _, after = template.partition("{text}")
    return [(before, True), (text, False), (after, True)]
