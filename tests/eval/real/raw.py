"""The raw engine: CTranslate2 with a plain prompt, and nothing of Starling but the tokenizer.

What Starling has to beat with the same weights. To fill in: prefix, suffix, middle; 3,000 characters before the cursor
and 1,000 behind it, greedy. To converse: the model's own chat template, greedy. Start at `Raw`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry

REVISION = "raw-1"  # counts up when this file asks or cuts differently
BEFORE, BEHIND = 3000, 1000  # characters
LINE_TOKENS = 64


@dataclass(frozen=True)
class Said:
    """The text that the engine wrote, and how many tokens it read and wrote for it."""

    text: str
    prompt_tokens: int
    answer_tokens: int


class Raw:
    """A loaded model."""

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
        """Write what stands between `prefix` and `suffix`, up to where `stop` cuts it."""
        fim = self.entry.fim
        behind = self._tokenizer.encode(suffix[:BEHIND]).tokens
        room = self.entry.context_tokens - len(behind) - tokens - 3  # markers
        before = self._tokenizer.encode(prefix[-BEFORE:]).tokens[-room:]  # the bundled model has a small window
        prompt = [fim.prefix, *before, fim.suffix, *behind, fim.middle]
        markers = (fim.end, fim.prefix, fim.suffix, fim.middle, fim.file, fim.repository)
        return self._write(prompt, [one for one in markers if one], stop, tokens)

    def converse(self, system: str, user: str, tokens: int) -> Said:
        """Answer one message by the model's chat template."""
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
        numbers: list[int] = []
        cut: int | None = None

        def callback(step: Any) -> bool:
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
    """Split a turn into parts, each with whether markers in it count."""
    before, _, after = template.partition("{text}")
    return [(before, True), (text, False), (after, True)]
