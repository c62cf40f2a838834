"""Proposed edits and the changes they are made of: written by agents, decided about and made by the gate.

Offsets are code points of the text that an edit was made for; spans are half-open. Values that change nothing by
themselves. Start at `ProposedEdit`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement: the code points [start, end) of the old text become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class TextChange:
    """Edits to a text that exists.

    Attributes:
        uri: the document as the editor names it, or the file's URI when it is not open.
        path: the file; None for an untitled document.
        before: the whole text that the edits were made for: what it is compared with and re-based from.
        edits: in order and not overlapping.
        encoding: what the file is to be written in, by its name in `server.gate.disk.contents`; "" for the one it has.
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
        encoding: "utf-8", or another one by its name in `server.gate.disk.contents` where a deleted file comes back.
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
