"""The settings of completion as one frozen record. Start at `CompletionPolicy`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompletionPolicy:
    """Settings of completion.

    Attributes:
        enabled: whether there is any completion.
        languages_off: names of languages (`Document.language`) without completion.
        threshold: least estimated probability that the next line is right, for suggestions while a person types.
        block_threshold: least such probability for several lines while a person types; below it only the first line is
            suggested.
        recall: suggest code that the workspace has elsewhere after the same tokens.
        recall_first: with this confidence while a person types, recalled text is suggested without asking the model,
            if that is enough to be suggested at all.
        blocks: suggest more than one line where the syntax asks for them.
        line_tokens: budget of new model tokens for one line.
        block_tokens: budget of new model tokens for a block.
        block_lines: longest block, lines.
        context_ms: time to gather context from other files for a small model; the least time for a large one.
        context_share: share of a large model's time in which context is gathered for it.
        recall_ms: time for recall.
        resolve_ms: time to find out what the names at the cursor mean while a person types; 0 turns resolution off.
        resolve_asking_ms: the same when a person asked.
        automatic_wait_ms: longest wait for a small model while a person types; recalled text is the answer then.
        invoked_wait_ms: longest wait for a small model when a person asked.
        typing_ms: time for a large model's answer while a person types; after it the answer is made without the model.
        asking_ms: the same when a person asked; the lines that the model has completed by then are in the answer.
        early_first: beside a large model, recalled text with this confidence comes before the model's own line. While
            a person types, text of recall or of the small model with this confidence is suggested at once.
        late_ms: how long a large model goes on after an answer that it was too late for; its text is then cached.
        linger_ms: how long a model run goes on after its request was cancelled, so that a newer request can join it.
        snippets: the most pieces of other files in one prompt.
        library_definitions: the most definitions of installed libraries among them, of those that the code at the
            cursor uses; they come last, and take the places of similar code only.
        longest_line: there are no suggestions in lines with more characters than this.
        longest_document: there are no suggestions in documents with more characters than this.
        adaptive: adjust `threshold` a little by the share of suggestions that are accepted.
    """

    enabled: bool = True
    languages_off: frozenset[str] = frozenset()
    threshold: float = 0.6
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
    resolve_ms: float = 5.0
    resolve_asking_ms: float = 200.0
    automatic_wait_ms: float = 3000.0
    invoked_wait_ms: float = 20000.0
    typing_ms: float = 500.0
    asking_ms: float = 2000.0
    early_first: float = 0.8
    late_ms: float = 3000.0
    linger_ms: float = 100.0
    snippets: int = 6
    library_definitions: int = 0
    longest_line: int = 1000
    longest_document: int = 4 << 20
    adaptive: bool = True

    def is_on(self, language: str) -> bool:
        """Return whether completion is on for documents in `language`."""
        return self.enabled and language not in self.languages_off
