"""The records that agents return. Offsets are code points of the document the request named; spans are half-open."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.records import Span


class Trigger(StrEnum):
    """What made the editor ask."""

    AUTOMATIC = "automatic"  # typing; only what is sure enough is shown
    INVOKED = "invoked"  # a person asked; everything is shown, alternatives too


class Origin(StrEnum):
    """Where a suggestion came from."""

    REUSE = "reuse"  # the rest of what was suggested before
    RECALL = "recall"  # written elsewhere in this workspace
    DRAFT = "draft"  # recalled, and judged by the model in one pass
    MODEL = "model"  # decoded by the model


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One completion.

    Attributes:
        id: identity for reporting that it was shown or accepted.
        text: what to insert; replaces [start, end) of the document.
        start: code-point offset, at or before the cursor.
        end: code-point offset, at or behind the cursor; text to the right that the suggestion already contains.
        origin: how it was made.
        confidence: estimated probability that the next line is right, 0 to 1.
        model: name of the model that made or judged it, "" for none.
    """

    id: str
    text: str
    start: int
    end: int
    origin: Origin
    confidence: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one request.

    Attributes:
        suggestions: best first; empty when there is nothing worth showing.
        why_empty: one word for log and statistics ("excluded", "mid-line", "unsure", "cancelled", ...), "" otherwise.
        model_ms: time the model computed, milliseconds.
        total_ms: time from the call to the answer, milliseconds.
    """

    suggestions: tuple[Suggestion, ...]
    why_empty: str = ""
    model_ms: float = 0.0
    total_ms: float = 0.0


class Severity(StrEnum):
    """How much a finding matters, in the editor's words."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


class Layer(StrEnum):
    """Which of the reviewer's layers found it."""

    STATIC = "static"  # by syntax, and by ruff
    LIKELIHOOD = "likelihood"  # the completion model finds an alternative far more likely
    MODEL = "model"  # a chat model's review


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement: the code points [start, end) of the old text become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """What would mend a finding.

    Attributes:
        title: an imperative for the person who chooses it.
        edits: in the reviewed document, in order and not overlapping; empty when a model has to write them first.
        safe: cannot change what the program does; only such fixes are applied together (`source.fixAll`).
    """

    title: str
    edits: tuple[Edit, ...] = ()
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of the reviewer.

    Attributes:
        code: the rule's name in kebab-case ("mutable-default"), or another tool's own code ("F401").
        severity: how much it matters.
        span: what it is about, code points of the reviewed text; never empty unless the text is.
        message: one or two sentences: what is there, and why it matters.
        layer: which layer found it.
        source: "starling", or the tool that found it ("ruff").
        fix: what would mend it, None where nothing can be offered.
        confidence: estimated probability that a person agrees, 0 to 1.
        unnecessary: the code can go (editors dim it).
        deprecated: what it uses is deprecated (editors strike it out).
        url: where the rule is explained, "" for our own rules, whose page the server knows.
    """

    code: str
    severity: Severity
    span: Span
    message: str
    layer: Layer = Layer.STATIC
    source: str = "starling"
    fix: Fix | None = None
    confidence: float = 1.0
    unnecessary: bool = False
    deprecated: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class TextChange:
    """Edits to a text that exists.

    Attributes:
        uri: the document as the editor names it, or the file's URI when it is not open.
        path: the file; None for an untitled document.
        before: the whole text that the edits were made for: what it is compared with and re-based from.
        edits: in order and not overlapping.
        encoding: what the file is to be written in, by its name in `server.gate.contents`; "" for the one it has.
    """

    uri: str
    path: Path | None
    before: str
    edits: tuple[Edit, ...]
    encoding: str = ""

    @property
    def after(self) -> str:
        """The text with the edits made."""
        return edited(self.before, self.edits)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a file has beside its bytes.

    Attributes:
        mode: the permission bits, setuid and setgid included.
        owner: the user's number, -1 where the system has none.
        group: the group's number, likewise.
        extended: extended attributes, ACLs among them, by name.
    """

    mode: int
    owner: int = -1
    group: int = -1
    extended: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class CreateFile:
    """A new file; refused where there is one already.

    Attributes:
        path: where.
        text: its whole text, without a byte order mark.
        encoding: "utf-8", or another one by its name in `server.gate.contents` where a deleted file comes back.
        executable: whether its owner may run it.
        attributes: what a deleted file had that comes back, None for those of any new file.
    """

    path: Path
    text: str
    encoding: str = "utf-8"
    executable: bool = False
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class RenameFile:
    """A file moves; refused where the new place is taken."""

    path: Path
    to: Path


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A file goes; `before` is its text as the proposer knew it."""

    path: Path
    before: str


Change = TextChange | CreateFile | RenameFile | DeleteFile


@dataclass(frozen=True, slots=True)
class ProposedEdit:
    """What an agent would like to write. Only the gate makes it so, after a person said yes.

    Attributes:
        title: an imperative of a few words ("Add a docstring to `area`").
        why: one or two sentences for the person who decides.
        by: who proposes it, in the person's words ("generator", "reviewer").
        changes: what would be changed, at most one change a file.
        model: name of the model that wrote it, "" for none.
        automatic: nobody chose exactly this change (refused when it breaks the syntax, not only said).
        notes: facts for the decision ("3 tests passed"), a line each.
    """

    title: str
    why: str
    by: str
    changes: tuple[Change, ...]
    model: str = ""
    automatic: bool = False
    notes: tuple[str, ...] = field(default=())


def edited(text: str, edits: tuple[Edit, ...]) -> str:
    """`text` with `edits` made, which are in order and do not overlap.

    Raises:
        ValueError: they are not, or reach beyond the text.
    """
    parts: list[str] = []
    reached = 0
    for edit in edits:
        if not reached <= edit.start <= edit.end <= len(text):
            raise ValueError(f"edit [{edit.start}, {edit.end}) does not fit behind {reached} in {len(text)} characters")
        parts += text[reached : edit.start], edit.text
        reached = edit.end
    return "".join((*parts, text[reached:]))
