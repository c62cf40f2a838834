"""Records of next edits and of their policy. Offsets are code points, spans are half-open. Start at `NextEdit`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The rule that proposed an edit."""

    RENAME = "rename"  # a renamed identifier's other uses
    SIGNATURE = "signature"  # calls of a function whose parameters have changed
    REPEAT = "repeat"  # the last edit, at places that look like its own
    FIX = "fix"  # the safe fix of a finding on the lines of the last edit
    IMPORT = "import"  # an import that became unused, or is missing


@dataclass(frozen=True, slots=True)
class Candidate:
    """One replacement that a rule found.

    Attributes:
        uri: the document.
        start: offset in the document's current text.
        end: offset, exclusive.
        text: the text that replaces it, with line feeds.
        kind: the rule.
        reason: one sentence for the person.
        change: what the rule carries on, as the old and the new text; candidates with the same one are alike.
    """

    uri: str
    start: int
    end: int
    text: str
    kind: Kind
    reason: str
    change: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class NextEdit:
    """One edit that is offered to the person.

    Attributes:
        id: identity, for reports that it was shown, accepted or rejected.
        version: version of the document that it was made for.
        candidate: the replacement.
    """

    id: str
    version: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class NextEditPolicy:
    """Settings of next edits.

    Attributes:
        enabled: whether any are offered.
        languages_off: names of languages (`Document.language`) without next edits.
        longest_document: none in documents with more characters than this.
        recent_s: age in seconds up to which a person's edit counts.
    """

    enabled: bool = True
    languages_off: frozenset[str] = frozenset()
    longest_document: int = 256 * 1024
    recent_s: float = 600.0

    def is_on(self, language: str) -> bool:
        """Return whether next edits are on for documents in `language`."""
        return self.enabled and language not in self.languages_off
