"""What a model thinks aloud inside its answer, between tags, taken out while the answer comes.

A block counts where a line begins, and not in a fence of code, where somebody may write of such tags. A tag may come in
pieces. Start at `ThoughtFilter`.
"""

from __future__ import annotations

import re

TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("[think]", "[/think]"),
)
CLOSINGS = tuple(closing for _, closing in TAGS)
LONGEST_LINE = 200  # characters that are remembered: enough to know a fence
FENCES = ("```", "~~~")


class ThoughtFilter:
    """One answer. Takes pieces, gives what is to be shown.

    Attributes:
        thinks: whether a block is open.
        unopened: how often a block ended that had not begun: all that was shown before it was thought.
    """

    def __init__(self) -> None:
        self.unopened = 0
        self._held = ""  # what may become a tag
        self._closing = ""  # the tag that ends the open block
        self._hidden: list[str] = []  # of an open block that began in the middle, which may be no block
        self._line = ""  # the line so far, as it was shown
        self._fenced = False
        self._shown = False  # something but space
        self._blocks = 0

    @property
    def thinks(self) -> bool:
        """Whether a block is open."""
        return bool(self._closing)

    def take(self, piece: str) -> str:
        """Return what of the answer can be shown now."""
        self._held += piece
        shown: list[str] = []
        while self._held and self._step(shown):
            pass
        return "".join(shown)

    def finish(self) -> str:
        """Return the rest: the answer is over. A block that never ended is one only at the beginning."""
        rest, self._held = self._held, ""
        if self._closing:
            rest, self._closing = "".join([*self._hidden, rest]) if self._shown else "", ""
        elif not self._blocks and rest.strip().lower() in CLOSINGS:
            rest = ""
        return rest

    def _step(self, shown: list[str]) -> bool:
        """Do away with some of what is held; false when more has to come."""
        if self._closing:
            return self._think()
        if self._line.strip() or self._fenced:
            return self._show(shown)
        begun = self._held.lstrip()
        low = begun.lower()
        if not self._shown and self._blocks:
            self._held = begun  # space behind what was thought
        if not begun and not self._shown:
            return False
        if self._begin(begun, low):
            return True
        if not self._blocks and low.startswith(CLOSINGS):
            return self._end_unopened(begun, shown)
        awaited = begun and any(tag.startswith(low) for pair in TAGS for tag in pair)
        return not awaited and self._show(shown)

    def _begin(self, begun: str, low: str) -> bool:
        """Whether a block begins here; it is open then."""
        found = next((pair for pair in TAGS if low.startswith(pair[0])), None)
        if found is None:
            return False
        opening, self._closing = found
        self._blocks += 1
        self._hidden, self._held = [self._held[: -len(begun)] + opening], begun[len(opening) :]
        return True

    def _think(self) -> bool:
        """Hide what is thought, up to the end of the block."""
        found = re.search(re.escape(self._closing), self._held, re.IGNORECASE)
        if found is None:
            kept = len(self._closing) - 1
            if self._shown:
                self._hidden.append(self._held[:-kept])
            self._held = self._held[-kept:]
            return False
        self._held = self._held[found.end() :]
        self._closing, self._hidden = "", []
        return True

    def _end_unopened(self, begun: str, shown: list[str]) -> bool:
        """Forget what was shown before a closing tag that has a line to itself."""
        rest = begun[len(next(tag for tag in CLOSINGS if begun.lower().startswith(tag))) :]
        if not rest.strip():
            return False
        if self._shown and "\n" not in rest[: len(rest) - len(rest.lstrip())]:
            return self._show(shown)  # a line that goes on: somebody writes of the tag
        self.unopened += self._shown
        shown.clear()
        self._held, self._line, self._shown = rest.lstrip(), "", False
        self._blocks += 1
        return True

    def _show(self, shown: list[str]) -> bool:
        """Show the rest of the line, or what has come of it."""
        at = self._held.find("\n") + 1
        part, self._held = (self._held[:at], self._held[at:]) if at else (self._held, "")
        shown.append(part)
        self._shown = self._shown or bool(part.strip())
        self._line = (self._line + part)[:LONGEST_LINE]
        if at:
            if self._line.lstrip().startswith(FENCES):
                self._fenced = not self._fenced
            self._line = ""
        return True
