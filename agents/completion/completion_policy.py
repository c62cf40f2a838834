"""The settings of completion as one frozen record. Start at `CompletionPolicy`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompletionPolicy:
    """Settings of completion.

    Attributes:
        enabled: false answers everything with nothing.
        languages_off: names of languages (`Document.language`) without completion.
        threshold: least estimated probability that the next line is right, for what is shown without being asked.
        block_threshold: least such probability for more than one line; below it the first line is shown alone.
        recall: show and judge what the workspace wrote elsewhere after the same tokens.
        recall_first: recall at least this sure is shown without asking the model.
        blocks: offer more than one line where the syntax asks for it.
        line_tokens: budget of new model tokens for one line.
        block_tokens: budget of new model tokens for a block.
        block_lines: longest block, lines.
        context_ms: deadline for gathering context from other files for a small model.
        context_share: of a large model's time, for the same.
        recall_ms: deadline for recall.
        automatic_wait_ms: longest wait for a small model when typing; what recall knows is answered then.
        invoked_wait_ms: longest wait for a small model when a person asked.
        typing_ms: what an answer of a large model may take when typing; what is known without it is answered then.
        asking_ms: the same when a person asked; of what it writes by then whole lines are answered.
        early_first: what recall and the small model say beside a large one comes first if it is at least this sure.
        late_ms: how long a large model goes on behind an answer that it was too late for; the next key finds its text.
        linger_ms: how long a model run goes on after its request was cancelled, waiting for one that it still fits.
        snippets: most pieces of other files in one prompt.
        longest_line: lines longer than this, in characters, are not code written by hand.
        longest_document: documents longer than this, in characters, are left alone.
        adaptive: let the record of what was accepted move `threshold` a little.
    """

    enabled: bool = True
    languages_off: frozenset[str] = frozenset()
    threshold: float = 0.5
    block_threshold: float = 0.75
    recall: bool = True
    recall_first: float = 0.7
    blocks: bool = True
    line_tokens: int = 48
    block_tokens: int = 192
    block_lines: int = 16
    context_ms: float = 20.0
    context_share: float = 0.15  # a search on a busy machine takes 50 to 300 ms
    recall_ms: float = 50.0  # a warm one takes 1 to 3 ms; the first of a session, on a busy machine, ten times that
    automatic_wait_ms: float = 3000.0
    invoked_wait_ms: float = 20000.0
    typing_ms: float = 500.0
    asking_ms: float = 2000.0
    early_first: float = 0.8
    late_ms: float = 3000.0
    linger_ms: float = 100.0
    snippets: int = 6
    longest_line: int = 1000
    longest_document: int = 4 << 20
    adaptive: bool = True

    def is_on(self, language: str) -> bool:
        """Whether documents of `language` are completed at all."""
        return self.enabled and language not in self.languages_off
